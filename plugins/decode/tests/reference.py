"""Searches written down as decode.md states them, slowly and in another way than the plugin: whole matrices, sorted lists, one
hypothesis after the other. For the tests alone."""
import math

import numpy

NEVER = -math.inf
DEFAULTS = dict(beam=4, n_best=1, max_new=256, min_new=0, length_penalty=1.0, patience=1.0, early_stopping=False,
                scoring="huggingface", coverage_penalty=0.0, no_repeat_ngram=0, repetition_penalty=1.0, suppress=(), bad_words=(), forced=(), eos=())


def log_softmax(scores):
    scores = numpy.asarray(scores, numpy.float64)
    top = scores.max(-1, keepdims=True)
    return scores - top - numpy.log(numpy.exp(scores - top).sum(-1, keepdims=True))


def repeated(history, n):
    """Tokens that would complete a run of n tokens that the history has."""
    tail = tuple(history[len(history) - n + 1:])
    return {history[i + n - 1] for i in range(len(history) - n + 1) if tuple(history[i:i + n - 1]) == tail}


def ruled(log_probs, prompt, tokens, o):
    """One row's log-probabilities after penalties and prohibitions."""
    p = log_probs.copy()
    if len(tokens) < len(o["forced"]):
        only = numpy.full_like(p, NEVER)
        only[o["forced"][len(tokens)]] = p[o["forced"][len(tokens)]]
        return only
    history = list(prompt) + list(tokens)
    for token in set(history):
        p[token] = p[token] * o["repetition_penalty"] if p[token] < 0 else p[token] / o["repetition_penalty"]
    banned = set(o["suppress"])
    n = o["no_repeat_ngram"]
    if n and len(history) >= n:
        banned |= repeated(history, n)
    for word in o["bad_words"]:
        k = len(word) - 1
        if k <= len(history) and history[len(history) - k:] == list(word[:-1]):
            banned.add(word[-1])
    if len(tokens) < o["min_new"]:
        banned |= set(o["eos"])
    for token in banned:
        p[token] = NEVER
    if o["scoring"] == "fairseq" and len(tokens) + 1 == o["max_new"] and o["eos"]:
        for token in range(len(p)):
            if token not in o["eos"]:
                p[token] = NEVER
    return p


def coverage(seen):
    """Wu et al. 2016, equation 14: seen is [tokens, sources]."""
    return sum(math.log(min(max(column.sum(), 1e-20), 1.0)) for column in numpy.asarray(seen, numpy.float64).T)


class Finished:
    def __init__(self, o):
        self.o, self.all, self.best_ended = o, [], False
        self.room = o["beam"] if o["scoring"] == "fairseq" else max(o["n_best"], math.floor(o["beam"] * o["patience"] + 0.5))

    def add(self, tokens, total, seen):
        score = total / len(tokens) ** self.o["length_penalty"]
        if self.o["coverage_penalty"] > 0:
            score += self.o["coverage_penalty"] * coverage(seen)
        self.all.append((score, tokens, seen))
        if self.o["scoring"] == "huggingface" and len(self.all) > self.room:
            # The worst goes; of equally bad ones the newest, then the oldest.
            score = min(s for s, *_ in self.all)
            worst = [i for i, (s, *_) in enumerate(self.all) if s == score]
            del self.all[worst[-1] if worst[-1] == len(self.all) - 1 else worst[0]]
        elif self.o["scoring"] == "fairseq" and len(self.all) > self.room:
            self.all.pop()

    def done(self, best, length, best_ended):
        o = self.o
        self.best_ended |= best_ended
        if o["scoring"] == "ctranslate2":
            if o["patience"] == 1 and o["length_penalty"] == 0 and o["coverage_penalty"] == 0:
                return self.best_ended and len(self.all) >= o["n_best"]
            return len(self.all) >= self.room
        if len(self.all) < self.room:
            return False
        if o["scoring"] == "fairseq" or o["early_stopping"] is True:
            return True
        at = o["max_new"] if o["early_stopping"] == "never" and o["length_penalty"] > 0 else length
        return min(s for s, *_ in self.all) >= best / at ** o["length_penalty"]


def beam_search(step, state, prompt, **options):
    """step(tokens, state) -> (scores [rows, vocabulary], state), or with attention [rows, sources] after them; state is a list with an entry a
    row. Returns (score, tokens, attention of each token) best first and the smallest difference between two sums that decided something."""
    o = {**DEFAULTS, **options}
    finished, gap = Finished(o), math.inf
    for token in prompt[:-1]:
        _, state, *_ = step([token], state)
    beams, feed = [((), 0.0, ())], [prompt[-1]]
    for t in range(o["max_new"]):
        scores, state, *attention = step(feed, state)
        table = []
        for row, ((tokens, total, _), p) in enumerate(zip(beams, log_softmax(scores))):
            for token, value in enumerate(ruled(p, prompt, tokens, o)):
                if value > NEVER:
                    table.append((-(total + value), row, token))
        if not table:
            break
        table.sort()
        keep = max(2, len(o["eos"]) + 1) * o["beam"]
        sums = [s for s, _, _ in table[:keep + 1]]
        gap = min([gap] + [b - a for a, b in zip(sums, sums[1:]) if b > a])
        ranked = table[:keep]
        last = t + 1 == o["max_new"]
        going = []
        for rank, (negative, row, token) in enumerate(ranked):
            tokens, total = beams[row][0] + (token,), -negative
            seen = beams[row][2] + tuple(a[row] for a in attention)
            if last and o["scoring"] == "ctranslate2":
                if rank < o["beam"]:
                    finished.add(tokens, total, seen)
            elif token in o["eos"]:
                if rank < o["beam"] and len(going) < o["beam"]:
                    finished.add(tokens, total, seen)
            elif len(going) < o["beam"]:
                going.append((tokens, total, seen, row))
        best, ended = -ranked[0][0], ranked[0][2] in o["eos"]
        if finished.done(best, t + 1, ended):
            break
        if last or not going:
            for tokens, total, seen, _ in going:
                finished.add(tokens, total, seen)
            break
        state = [state[row] for *_, row in going]
        beams = [(tokens, total, seen) for tokens, total, seen, _ in going]
        feed = [tokens[-1] for tokens, *_ in beams]
    ranked = sorted(finished.all, key=lambda h: -h[0])[:o["n_best"]]
    gap = min([gap] + [a[0] - b[0] for a, b in zip(ranked, ranked[1:]) if a[0] > b[0]])
    return ranked, gap
