#!/usr/bin/env python3
"""BLEU and chrF of the bundle on the held-out pairs, for greedy search and a beam of 4, by length.

    /usr/bin/python3 evaluate.py DATA [--mrun COMMAND] [--most 2000]     (Debian: python3, python3-sentencepiece)

BLEU as Papineni et al. 2002 define it, of the whole set, n = 1 to 4, on runs of letters and digits and single other signs, with letter
case; chrF as Popović 2015 defines it, of the whole set, n = 1 to 6, beta = 2, without white space.
"""
import argparse
import collections
import json
import math
import pathlib
import re
import subprocess
import tempfile

import sentencepiece

BUNDLE = pathlib.Path(__file__).resolve().parent / "bundle"


def ngrams(sequence, n):
    return collections.Counter(tuple(sequence[i:i + n]) for i in range(len(sequence) - n + 1))


def matches(pairs, n):
    """Of (got, wanted): n-grams in both, in what was got, in what was wanted."""
    both = got_all = wanted_all = 0
    for got, wanted in pairs:
        a, b = ngrams(got, n), ngrams(wanted, n)
        both, got_all, wanted_all = both + (a & b).total(), got_all + a.total(), wanted_all + b.total()
    return both, got_all, wanted_all


def bleu(pairs):
    pairs = [tuple(re.findall(r"\w+|[^\w\s]", side) for side in pair) for pair in pairs]
    logs = 0.0
    for n in range(1, 5):
        both, got, _ = matches(pairs, n)
        if both == 0:
            return 0.0
        logs += math.log(both / got) / 4
    length, wanted = (sum(len(pair[i]) for pair in pairs) for i in (0, 1))
    return 100 * math.exp(logs + min(0.0, 1 - wanted / length))


def chrf(pairs, beta=2):
    pairs = [tuple("".join(side.split()) for side in pair) for pair in pairs]
    precision = recall = 0.0
    for n in range(1, 7):
        both, got, wanted = matches(pairs, n)
        precision, recall = precision + both / max(got, 1) / 6, recall + both / max(wanted, 1) / 6
    return 100 * (1 + beta ** 2) * precision * recall / max(beta ** 2 * precision + recall, 1e-9)


def translations(mrun, sentences, beam):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(s + "\n" for s in sentences))
        file.flush()
        result = subprocess.run([mrun, BUNDLE, "--lines", file.name, "--param", f"beam={beam}"], check=True, capture_output=True, text=True)
    return [json.loads(line)[0]["text"] for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--mrun", default="mrun")
    parser.add_argument("--most", type=int, default=2000, help="pairs")
    options = parser.parse_args()
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(BUNDLE / "assets/tokenizer.model"))
    lines = [line.split("\t") for line in (options.data / "held-out.tsv").read_text(encoding="utf-8").splitlines()][:options.most]
    sizes = [len(tokenizer.encode(english)) for english, _ in lines]
    got = {beam: translations(options.mrun, [english for english, _ in lines], beam) for beam in (1, 4)}
    for least, most in [(1, 16), (17, 64), (1, 64)]:
        chosen = [i for i, size in enumerate(sizes) if least <= size <= most]
        for beam, texts in got.items():
            pairs = [(texts[i], lines[i][1]) for i in chosen]
            print(f"{least} to {most} pieces, {len(pairs)} pairs, beam {beam}: BLEU {bleu(pairs):.1f}, chrF {chrf(pairs):.1f}")
    for (english, german), greedy, best in list(zip(lines, got[1], got[4]))[::len(lines) // 24]:
        print(f"{english} | {best} | {german}" + (f" | greedy: {greedy}" if greedy != best else ""))


if __name__ == "__main__":
    main()
