"""bundles/translate-en-de and bundles/complete from outside: the same n best as a plain search in Python on the same model, streams, settings."""
import json
import pathlib
import re
import sys
import unittest

import sentencepiece
import torch

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests/command"), str(SOURCE / "plugins/decode/tests")]
import reference  # noqa: E402
from command import Case, mrun  # noqa: E402

TRANSLATE, COMPLETE = SOURCE / "bundles/translate-en-de/bundle", SOURCE / "bundles/complete/bundle"
SENTENCES = ["Open the file", "Failed to open file", "Delete the selected messages?", "Show all hidden folders in this window"]


class Translate(Case):
    def setUp(self):
        super().setUp()
        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(TRANSLATE / "assets/tokenizer.model"))
        self.model = torch.jit.load(str(TRANSLATE / "model.pt")).eval()

    def expected(self, sentence, **options):
        with torch.inference_mode():
            memory = self.model.encode(torch.tensor([self.tokenizer.encode(sentence, add_eos=True)]))

            def step(tokens, rows):
                n = len(tokens)
                past, place = torch.stack([p for p, _ in rows]), torch.stack([at for _, at in rows])
                scores, past, place = self.model.step(
                    torch.tensor(tokens), past, place, memory.expand(n, -1, -1), torch.zeros(n, memory.size(1)))
                return scores.numpy(), list(zip(past, place))

            t = self.tokenizer
            state = [(torch.zeros(0, memory.size(2)), torch.tensor(0))]
            never = [t.pad_id(), t.unk_id(), t.bos_id()]
            return reference.beam_search(step, state, [t.bos_id()], eos=[t.eos_id()], suppress=never, max_new=80, no_repeat_ngram=3, **options)

    def same(self, answer, sentence, **options):
        wanted, gap = self.expected(sentence, **options)
        if gap < 1e-5:  # which of two is better is a matter of rounding
            return
        self.assertEqual([h["text"] for h in answer], [self.tokenizer.decode([p for p in tokens if p > 3]) for _, tokens, _ in wanted])
        for h, (score, *_) in zip(answer, wanted):
            self.assertAlmostEqual(h["score"], score, delta=1e-4)

    def test_n_best_are_those_of_a_plain_search(self):
        path = self.dir / "lines"
        path.write_text("".join(s + "\n" for s in SENTENCES))
        for options in ({"beam": 4, "n_best": 3}, {"beam": 1}, {"beam": 8, "n_best": 8, "length_penalty": 0.0}):
            settings = [part for key, value in options.items() for part in ("--param", f"{key}={value}")]
            for sentence, answer in zip(SENTENCES, self.answers(TRANSLATE, "--lines", path, *settings)):
                self.same(answer, sentence, **options)

    def test_stream_says_the_best_translation(self):
        *parts, answer = self.answers(TRANSLATE, "Failed to open file", "--stream", "--param", "beam=2")
        self.assertGreater(len(parts), 1)
        self.assertEqual("".join(p["partial"] for p in parts), answer[0]["text"])

    def test_without_words_is_refused(self):
        self.item_error("INPUT", "preprocess", TRANSLATE, " ", contains="1 to 127 pieces")

    def test_examples(self):
        for bundle in (TRANSLATE, COMPLETE):
            self.assertEqual(mrun("verify", bundle).returncode, 0)


class Complete(Case):
    def complete(self, *args):
        return self.answers(COMPLETE, "And the LORD said unto", *args)

    def test_seed_and_draws(self):
        (first,), (again,), (other,) = self.complete("--seed", "1"), self.complete("--seed", "1"), self.complete("--seed", "2")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        (several,) = self.complete("--param", "n_best=5")
        self.assertEqual(len({h["text"] for h in several}), 5)

    def test_stream_and_stop(self):
        *parts, answer = self.complete("--stream", "--param", 'stop=[",", "."]', "--param", "max_new=200")
        text = answer[0]["text"]
        self.assertEqual("".join(p["partial"] for p in parts), text)
        self.assertRegex(text, r"^ ?[^.,]*([.,]|$)")

    def test_constraints(self):
        (answer,) = self.complete("--param", r'regex=[A-Z][a-z]+, [a-z ]{5,30}\.', "--param", "stop=[]", "--param", "n_best=4")
        for h in answer:
            self.assertTrue(re.fullmatch(r" ?[A-Z][a-z]+, [a-z ]{5,30}\.", h["text"]), h)
        (answer,) = self.complete("--param", 'choices=["Moses", "Abraham", "all the people"]', "--param", "stop=[]", "--param", "n_best=4")
        for h in answer:
            self.assertIn(h["text"].strip(), ("Moses", "Abraham", "all the people"))

    def test_a_pattern_and_choices_exclude_each_other(self):
        result = mrun(COMPLETE, "And", "--param", "regex=a", "--param", 'choices=["yes"]')
        self.assertIn("parameters regex and choices: want one of them", json.loads(result.stdout)["error"]["message"])


if __name__ == "__main__":
    unittest.main()
