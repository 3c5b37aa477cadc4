"""Beam search as three libraries have it, each after its own source and in its own way, slowly: whole matrices, sorted lists, one hypothesis
after the other. For the tests alone; of the plugin it shares no code, of the libraries the rules.

transformers: generation/utils.py (`_beam_search`, `_sample`) and generation/logits_process.py; CTranslate2: src/decoding.cc and
src/decoding_utils.cc; fairseq: fairseq/sequence_generator.py and fairseq/ngram_repeat_block.py. What a library does not have (patience and
coverage in two of them, several eos in fairseq) is as decode.md states it."""
import math

import numpy

NEVER = -math.inf
LEAST = float(numpy.finfo(numpy.float32).min)
DEFAULTS = dict(beam=4, n_best=1, max_new=256, min_new=0, length_penalty=1.0, patience=1.0, early_stopping=False,
                scoring="huggingface", coverage_penalty=0.0, no_repeat_ngram=0, repetition_penalty=1.0, suppress=(), bad_words=(), forced=(), eos=())


def log_softmax(scores):
    scores = numpy.asarray(scores, numpy.float64)
    top = scores.max(-1, keepdims=True)
    return scores - top - numpy.log(numpy.exp(scores - top).sum(-1, keepdims=True))


def banned(history, done, o):
    """Tokens that may not follow."""
    out, n = set(o["suppress"]), o["no_repeat_ngram"]
    if n and len(history) >= n:
        tail = history[len(history) - n + 1:]
        out |= {history[i + n - 1] for i in range(len(history) - n + 1) if history[i:i + n - 1] == tail}
    for word in o["bad_words"]:
        k = len(word) - 1
        if k <= len(history) and history[len(history) - k:] == list(word[:-1]):
            out.add(word[-1])
    return out | set(o["eos"]) if done < o["min_new"] else out


def penalized(values, history, penalty):
    values = values.copy()
    for token in set(history):
        values[token] = values[token] * penalty if values[token] < 0 else values[token] / penalty
    return values


def only(values, tokens):
    kept = numpy.full_like(values, NEVER)
    for token in tokens:
        kept[token] = values[token]
    return kept


def without(values, tokens):
    return numpy.array([NEVER if token in tokens else value for token, value in enumerate(values)])


class Hypothesis:
    """tokens with eos; seen: the attention of each."""

    def __init__(self, tokens=(), total=0.0, seen=(), row=0):
        self.tokens, self.total, self.seen, self.row = tokens, total, seen, row

    def score(self, o, coverage):
        score = self.total / len(self.tokens) ** o["length_penalty"]
        return score + o["coverage_penalty"] * coverage(self.seen) if o["coverage_penalty"] else score


def coverage(seen):
    """Wu et al. 2016, equation 14: seen is [tokens, sources]."""
    return sum(math.log(min(max(column.sum(), 1e-20), 1.0)) for column in numpy.asarray(seen, numpy.float64).T)


class Search:
    """What the three have in common: feeding, and a step's candidates, best first."""

    def __init__(self, step, state, prompt, o):
        self.step, self.o, self.prompt, self.gap = step, o, list(prompt), math.inf
        for token in prompt[:-1]:
            _, state, *_ = step([token], state)
        self.state, self.feed, self.rows = state, [prompt[-1]], [Hypothesis()]

    def close(self, a, b):
        """Two numbers that are compared: which is greater may be a matter of rounding."""
        if a != b:
            self.gap = min(self.gap, abs(a - b))

    def penalize(self, given, log_probs, history):
        if self.o["beam"] > 1:
            return penalized(log_probs, history, self.o["repetition_penalty"])
        # num_beams = 1 is greedy search, whose processors see the model's logits
        return log_probs + penalized(given, history, self.o["repetition_penalty"]) - given

    def candidates(self):
        scores, self.state, *attention = self.step(self.feed, self.state)
        table = []
        for row, (h, given) in enumerate(zip(self.rows, numpy.asarray(scores, numpy.float64))):
            for token, value in enumerate(self.weigh(given, h.tokens)):
                if value > NEVER:
                    seen = h.seen + tuple(a[row] for a in attention)
                    table.append(Hypothesis(h.tokens + (token,), h.total + value, seen, row))
        table.sort(key=lambda c: (-c.total, c.row, c.tokens[-1]))
        keep = max(2, len(self.o["eos"]) + 1) * self.o["beam"]
        for a, b in zip(table[:keep], table[1:keep + 1]):
            self.close(a.total, b.total)
        return table[:keep]

    def go_on(self, rows):
        self.state = [self.state[h.row] for h in rows]
        self.rows, self.feed = rows, [h.tokens[-1] for h in rows]

    def ends(self, h):
        return h.tokens[-1] in self.o["eos"]

    def answer(self, kept):
        ranked = sorted(kept, key=lambda k: -k[0])[:self.o["n_best"] + 1]
        for a, b in zip(ranked, ranked[1:]):
            self.close(a[0], b[0])
        return [(score, h.tokens, h.seen) for score, h in ranked[:self.o["n_best"]]], self.gap


class HuggingFace(Search):
    def weigh(self, given, tokens):
        o, log_probs = self.o, log_softmax(given)
        history = self.prompt + list(tokens)
        if len(tokens) < len(o["forced"]):
            return only(log_probs, [o["forced"][len(tokens)]])
        return without(self.penalize(given, log_probs, history), banned(history, len(tokens), o))

    def run(self):
        o, kept = self.o, []
        room = 1 if o["beam"] == 1 else max(o["n_best"], math.floor(o["beam"] * o["patience"] + 0.5))
        for length in range(1, o["max_new"] + 1):
            found = self.candidates()
            hits = [self.ends(c) or length == o["max_new"] for c in found]
            kept += [(c.score(o, coverage), c) for c, hit in zip(found[:o["beam"]], hits) if hit]
            kept.sort(key=lambda k: -k[0])
            for a, b in zip(kept[room - 1:], kept[room:]):
                self.close(a[0], b[0])
            del kept[room:]
            running = [c for c, hit in zip(found, hits) if not hit][:o["beam"]]
            if not running:
                break
            if len(kept) == room:
                if o["early_stopping"] is True or o["beam"] == 1:
                    break
                at = o["max_new"] if o["early_stopping"] == "never" and o["length_penalty"] > 0 else length
                possible = running[0].total / at ** o["length_penalty"]
                self.close(possible, kept[-1][0])
                if not possible > kept[-1][0]:
                    break
            self.go_on(running)
        return self.answer(kept)


class CTranslate2(Search):
    def weigh(self, given, tokens):
        o = self.o
        if len(tokens) < len(o["forced"]):  # a target prefix costs nothing
            return only(numpy.zeros_like(given), [o["forced"][len(tokens)]])
        history = self.prompt[1:] + list(tokens)
        logits = without(penalized(given, history, o["repetition_penalty"]), banned(history, len(tokens), o))
        return log_softmax(logits) if logits.max() > NEVER else logits

    def result(self, h):
        n = len(h.tokens) - self.ends(h)
        if n == 0 and self.o["length_penalty"] > 0:
            return LEAST, h
        score = h.total / float(n) ** self.o["length_penalty"] if n else h.total * (self.o["length_penalty"] == 0)
        if self.o["coverage_penalty"] and n:
            sums = numpy.asarray(h.seen[:n], numpy.float64).sum(0)
            score += self.o["coverage_penalty"] * sum(math.log(min(s, 1)) for s in sums if s > 0)
        return score, h

    def run(self):
        o, beam, results, top_has_finished = self.o, self.o["beam"], [], False
        prefix = len(self.prompt) - 1 + len(o["forced"])
        for step in range(o["max_new"]):
            found, last = self.candidates(), step + 1 == o["max_new"]
            # After a prefix eos in a secondary candidate becomes a token that nobody will choose again.
            spoilt = [prefix > 0 and step == len(o["forced"]) and k > 0 and self.ends(c) for k, c in enumerate(found)]
            slots, secondary = [], beam
            for k, c in enumerate(found[:beam]):
                slot = k
                if (self.ends(c) and not spoilt[k]) or last:
                    top_has_finished |= k == 0
                    if not spoilt[k]:
                        results.append(self.result(c))
                    slot = next((j for j in range(secondary, len(found)) if spoilt[j] or not self.ends(found[j])), None)
                    secondary = secondary if slot is None else slot + 1
                slots.append(slot)
            if beam == 1 and results:  # GreedySearch
                break
            if o["length_penalty"] == 0 and o["coverage_penalty"] == 0:
                finished = top_has_finished and len(results) >= o["n_best"]
            else:
                finished = len(results) >= max(o["n_best"], math.floor(beam * o["patience"] + 0.5))
            alive = [found[s] for s in sorted(s for s in slots if s is not None and not spoilt[s])]
            if last or finished or not alive:
                break
            self.go_on(alive)
        return self.answer(results)


class Fairseq(Search):
    def weigh(self, given, tokens):
        o, log_probs = self.o, log_softmax(given)
        history = self.prompt + list(tokens)
        if len(tokens) < len(o["forced"]):
            return only(log_probs, [o["forced"][len(tokens)]])
        log_probs = without(self.penalize(given, log_probs, history), banned(history, len(tokens), o))
        return only(log_probs, o["eos"]) if len(tokens) + 1 == o["max_new"] and o["eos"] else log_probs

    def run(self):
        o, beam, finalized = self.o, self.o["beam"], []
        for step in range(o["max_new"]):
            found = self.candidates()
            last = step + 1 == o["max_new"]
            for c in found[:beam]:
                if (self.ends(c) or last) and len(finalized) < beam:
                    finalized.append((c.score(o, coverage), c))
            active = [c for c in found if not self.ends(c)][:beam]
            if len(finalized) == beam or last or not active:
                break
            self.go_on(active)
        return self.answer(finalized)


def beam_search(step, state, prompt, **options):
    """step(tokens, state) -> (scores [rows, vocabulary], state), or with attention [rows, sources] after them; state is a list with an entry a
    row. Returns (score, tokens, attention of each token) best first and the smallest difference between two numbers that decided something."""
    o = {**DEFAULTS, **options}
    library = {"huggingface": HuggingFace, "ctranslate2": CTranslate2, "fairseq": Fairseq}[o["scoring"]]
    return library(step, state, prompt, o).run()
