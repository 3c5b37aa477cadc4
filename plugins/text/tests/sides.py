"""The library and its oracle as processes, and tokenizer.json files to give to both."""
import json
import os
import subprocess

CLI = os.environ["TEXT_CLI"]
HERE = os.path.dirname(os.path.abspath(__file__))
NODE = ["node", os.path.join(HERE, "oracle", "hf.js")]


def jsonl(values):
    return "".join(json.dumps(v) + "\n" for v in values).encode()


def call(command, values=()):
    run = subprocess.run(command, input=jsonl(values), capture_output=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{command}: {run.stderr.decode(errors='replace')[-2000:]}")
    return [json.loads(line) for line in run.stdout.split(b"\n")[:-1]]


class Side:
    """A process that answers requests, each a line, with as many lines as the request has items."""

    def __init__(self, command, stderr=None):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    def ask(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()

    def answer(self, count):
        lines = [self.process.stdout.readline() for _ in range(count)]
        if count and not lines[-1]:
            raise RuntimeError(f"{self.command} ended early")
        return lines

    def end(self):
        self.process.communicate()


def tokenizer(model, normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None, added=(), truncation=None, padding=None):
    return {"version": "1.0", "truncation": truncation, "padding": padding, "added_tokens": list(added), "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "decoder": decoder, "model": model}


def added(id, content, **options):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **options}


def bpe(**options):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {}, "merges": [], **options}


def wordpiece(**options):
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0}, **options}


def seq(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def bert_normalizer(**options):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True,
            **options}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def split(regex, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: regex}, "behavior": behavior, "invert": invert}
