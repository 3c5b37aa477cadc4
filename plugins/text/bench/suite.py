"""tools/bench text: this library beside Hugging Face's native tokenizers (npm) and bare sentencepiece, one thread each; and beside
itself on texts that are made to be hard.

Times are processor time, so that other work on the machine disturbs them little. The text is English prose and code: Python's own
library sources and documentation, whatever of them Debian has installed.
"""
import glob
import io
import json
import os
import pathlib
import subprocess
import sys

import sentencepiece

from measure import Report, interleaved, run

HERE = pathlib.Path(__file__).resolve().parent
HF = HERE.parent / "tests/oracle/hf.js"
MEGABYTES = 4


class Side:
    """A process that does the whole work once for each line it is sent."""

    def __init__(self, *command, environment=None):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.tokens = None

    def __call__(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            sys.exit("bench text: a side ended early")
        self.tokens = int(answer[1])
        return float(answer[0])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def prose(path):
    """The text, and how many megabytes it has."""
    out = []
    size = 0
    for name in sorted(glob.glob("/usr/lib/python3/dist-packages/sklearn/**/*.py", recursive=True)) + sorted(glob.glob("/usr/lib/python3*/*.py")):
        with open(name, encoding="utf-8", errors="replace") as file:
            content = file.read()
        out += [line for line in content.split("\n") if line.strip()]
        size += len(content)
        if size > MEGABYTES * 1e6:
            break
    text = "\n".join(out) + "\n"
    path.write_text(text, encoding="utf-8")
    return len(text.encode()) / 1e6


def wordpiece(work, text, environment):
    """BERT's pipeline, with a vocabulary that the peer trains."""
    untrained = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                 "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                 "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                           "vocab": {"[UNK]": 0}}}
    (work / "untrained.json").write_text(json.dumps(untrained))
    path = work / "wordpiece.json"
    run("node", HF, "train", work / "untrained.json", text, path, env=environment)
    config = json.loads(path.read_text())
    vocab = config["model"]["vocab"]
    for token in ("[UNK]", "[CLS]", "[SEP]"):
        vocab.setdefault(token, len(vocab))
    config["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", vocab["[SEP]"]], "cls": ["[CLS]", vocab["[CLS]"]]}
    path.write_text(json.dumps(config))
    return path


HARD = ("a", "##", " ", "7", "ab", "'", "e\u0301", "的", "\t ", "aaab")


def hard(path, kilobytes):
    """Texts made to be hard, a megabyte in all, in lines of that length."""
    path.write_text("".join((unit * (kilobytes * 1000 // len(unit.encode())) + "\n") * (100 // kilobytes) for unit in HARD), encoding="utf-8")
    return path


def growth(report, what, bench, model, work, rounds):
    """Whether the time for a text is that for its parts: long lines beside short ones of the same letters."""
    sides = {"lines of 100 KB": Side(bench, "ids", model, hard(work / "long.txt", 100)),
             "lines of 1 KB": Side(bench, "ids", model, hard(work / "short.txt", 1))}
    times = interleaved(sides, rounds)
    for side in sides.values():
        side.end()
    report.add(f"{what}: ids of hard texts", "ms a megabyte", times, "lines of 100 KB", [("lines of 1 KB", "ratio", 2)])


def compare(report, what, sides, base, goals, megabytes, rounds):
    times = interleaved(sides, rounds)
    counts = {side.tokens for side in sides.values()}
    for side in sides.values():
        side.end()
    if len(counts) != 1:
        sys.exit(f"bench text: {what}: the sides differ in their tokens: {counts}")
    per_megabyte = {name: [t / megabytes for t in values] for name, values in times.items()}
    report.add(what, "ms a megabyte", per_megabyte, base, goals)


def main(build, work, as_json, rounds):
    run("ninja", "-C", build, "text_bench")
    npm = build / "npm"
    run("sh", HERE.parent / "tests/oracle/install.sh", npm)
    environment = dict(os.environ, NODE_PATH=str(npm / "node_modules"), RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    bench = build / "bench/text_bench"
    text = work / "prose.txt"
    megabytes = prose(text)
    report = Report(f"text: {megabytes:.1f} MB in lines, one thread, tokenizers {run('node', HF, 'version', env=environment).strip()}, "
                    f"sentencepiece {sentencepiece.__version__}")
    peer = "Hugging Face, native"
    gpt = work / "cl100k_base.json"
    run("node", HF, "gpt", "cl100k_base", gpt, env=environment)
    for what, model, goal in (("WordPiece (BERT)", wordpiece(work, text, environment), 5), ("byte-level BPE (cl100k)", gpt, 6)):
        for kind, doing in (("ids", "ids"), ("tokens", "ids, types, offsets, pieces")):
            compare(report, f"{what}: {doing}", {"mrun": Side(bench, kind, model, text),
                                                 peer: Side("node", HERE / "peer.js", model, text, environment=environment)},
                    "mrun", [(peer, "speedup", goal)], megabytes, rounds)
        growth(report, what, bench, model, work, rounds)
    for kind in ("unigram", "bpe"):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(input=str(text), model_writer=model, model_type=kind, vocab_size=8000, minloglevel=2,
                                                 input_sentence_size=20000, num_threads=2)
        path = work / f"{kind}.model"
        path.write_bytes(model.getvalue())
        compare(report, f"sentencepiece ({kind}): ids", {"mrun": Side(bench, "sentencepiece", path, text), "bare C++": Side(bench, "bare", path, text)},
                "mrun", [("bare C++", "ratio", round(1 / 0.98, 3))], megabytes, rounds)
    report.print(as_json)
