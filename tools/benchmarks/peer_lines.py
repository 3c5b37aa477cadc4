"""good-bad-ugly over many lines in Python: peer_lines.py BUNDLE_FOLDER LINES OUT loop | bucket [WORKERS THREADS BATCH].

loop: one by one. bucket: a DataLoader whose workers tokenize and pad, over batches of lines of like length.
"""
import json
import sys

import sentencepiece
import torch

LABELS = ["good", "bad", "ugly"]


def answer(p):
    return json.dumps({"decision": LABELS[int(p.argmax())], "prediction": p.tolist()})


class Batches(torch.utils.data.Dataset):
    """The lines by their lengths, a batch an element: numbers of the lines, padded ids, lengths."""

    def __init__(self, folder, lines, size):
        self.folder, self.lines, self.tokenizer = folder, lines, None
        order = sorted(range(len(lines)), key=lambda i: len(lines[i]))
        self.batches = [order[i:i + size] for i in range(0, len(order), size)]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        if self.tokenizer is None:
            self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=f"{self.folder}/assets/tokenizer.model")
        ids = [torch.tensor(i) for i in self.tokenizer.encode([self.lines[i] for i in self.batches[number]])]
        return self.batches[number], torch.nn.utils.rnn.pad_sequence(ids, batch_first=True), torch.tensor([len(i) for i in ids])


def loop(folder, model, lines):
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/assets/tokenizer.model")
    for line in lines:
        ids = torch.tensor([tokenizer.encode(line)])
        yield answer(torch.softmax(model(ids, torch.tensor([ids.size(1)]))[0], -1))


def bucket(folder, model, lines, workers, size):
    answers = [None] * len(lines)
    loader = torch.utils.data.DataLoader(Batches(folder, lines, size), batch_size=None, num_workers=workers)
    for numbers, ids, lengths in loader:
        for number, p in zip(numbers, torch.softmax(model(ids, lengths), -1)):
            answers[number] = answer(p)
    return answers


def main(folder, path, out, mode, workers=0, threads=1, size=64):
    torch.set_num_threads(int(threads))
    model = torch.jit.load(f"{folder}/model.pt").eval()
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    with torch.inference_mode(), open(out, "w", encoding="utf-8") as file:
        answers = loop(folder, model, lines) if mode == "loop" else bucket(folder, model, lines, int(workers), int(size))
        file.writelines(a + "\n" for a in answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
