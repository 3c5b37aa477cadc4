"""text.SentencePiece against Python's sentencepiece: four kinds of model, every line, every option."""
import io
import json
import os
import subprocess
import tempfile
import threading
import unittest

import sentencepiece

from corpus import lines

CLI = os.environ["TEXT_CLI"]
TRAINING = {
    "unigram": dict(model_type="unigram", vocab_size=3000, normalization_rule_name="nmt_nfkc"),
    "unigram_bytes": dict(model_type="unigram", vocab_size=2000, normalization_rule_name="nfkc_cf", byte_fallback=True,
                          character_coverage=0.98, split_digits=True),
    "bpe": dict(model_type="bpe", vocab_size=3000, normalization_rule_name="identity", remove_extra_whitespaces=False,
                user_defined_symbols=["<sep>", "<mask>"], add_dummy_prefix=False),
    "char": dict(model_type="char", vocab_size=3000, hard_vocab_limit=False, treat_whitespace_as_suffix=True),
    "word": dict(model_type="word", vocab_size=2500, pad_id=3, bos_id=1, eos_id=2, unk_id=0),
}


class SentencePieceOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.lines = lines(15000, seed=3)
        training = [line for line in lines(4000, seed=3, controls=False) if line]
        cls.models = {}
        for name, options in TRAINING.items():
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(training), model_writer=model, minloglevel=2,
                                                     num_threads=2, **options)
            path = os.path.join(cls.folder.name, name + ".model")
            with open(path, "wb") as file:
                file.write(model.getvalue())
            cls.models[name] = (path, sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()))

    def ours(self, path, operation, items, **options):
        text = "".join(json.dumps(item) + "\n" for item in items)
        run = subprocess.run([CLI, "sentencepiece", path, operation, json.dumps(options)], input=text.encode(),
                             capture_output=True, check=True)
        return [json.loads(line) for line in run.stdout.split(b"\n")[:-1]]

    def each(self):
        for name, (path, theirs) in self.models.items():
            with self.subTest(model=name):
                yield path, theirs

    def test_ids_and_back(self):
        for path, theirs in self.each():
            ids = self.ours(path, "encode", self.lines)
            self.assertEqual(ids, theirs.encode(self.lines))
            self.assertEqual(self.ours(path, "decode", ids), theirs.decode(ids))

    def test_options(self):
        for path, theirs in self.each():
            for options in (dict(add_bos=True), dict(add_eos=True), dict(add_bos=True, add_eos=True, reverse=True)):
                some = self.lines[:2000]
                self.assertEqual(self.ours(path, "encode", some, **options), theirs.encode(some, **options))

    def test_pieces_and_offsets(self):
        for path, theirs in self.each():
            for line, got in zip(self.lines, self.ours(path, "tokenize", self.lines)):
                want = theirs.encode(line, out_type="immutable_proto")
                self.assertEqual(got["pieces"], [p.piece for p in want.pieces])
                self.assertEqual(got["offsets"], [[p.begin, p.end] for p in want.pieces])
                self.assertEqual(got["ids"], [p.id for p in want.pieces])
            some = self.lines[:1000]
            unknown = self.ours(path, "tokenize", some, emit_unk_piece=True, add_bos=True, reverse=True)
            self.assertEqual([t["pieces"] for t in unknown],
                             theirs.encode(some, out_type=str, emit_unk_piece=True, add_bos=True, reverse=True))

    def test_byte_offsets_cut_the_text(self):
        for path, _ in self.each():
            some = self.lines[:1000]
            chars, in_bytes = (self.ours(path, "tokenize", some, unit=unit) for unit in ("char", "byte"))
            for line, c, b in zip(some, chars, in_bytes):
                for (i, j), (k, n) in zip(c["offsets"], b["offsets"]):
                    self.assertEqual(line[i:j].encode(), line.encode()[k:n])

    def test_pieces_and_ids_of_the_vocabulary(self):
        for path, theirs in self.each():
            numbers = list(range(theirs.get_piece_size()))
            pieces = self.ours(path, "piece", numbers)
            self.assertEqual(pieces, theirs.id_to_piece(numbers))
            self.assertEqual(self.ours(path, "id", pieces + ["no such piece"]), theirs.piece_to_id(pieces + ["no such piece"]))
            self.assertEqual(self.ours(path, "special", [0])[0], [theirs.get_piece_size(), theirs.unk_id(), theirs.bos_id(),
                                                                 theirs.eos_id(), theirs.pad_id()])

    def test_sampling_is_pythons_and_reproducible(self):
        # Python's generator belongs to the thread and takes the seed when the thread first draws.
        def sampled(theirs, line, seed, options):
            sentencepiece.set_random_generator_seed(seed)
            got = []
            thread = threading.Thread(target=lambda: got.append(theirs.encode(line, enable_sampling=True, **options)))
            thread.start()
            thread.join()
            return got[0]

        for name, options in (("unigram", dict(nbest_size=-1, alpha=0.1)), ("unigram", dict(nbest_size=16, alpha=0.5)),
                              ("bpe", dict(alpha=0.3))):
            path, theirs = self.models[name]
            some = [line for line in self.lines[:400] if 10 < len(line) < 200]
            draws = []
            for seed in (1, 77):
                draws.append(self.ours(path, "encode", some, enable_sampling=True, seed=seed, **options))
                self.assertEqual(draws[-1], self.ours(path, "encode", some, enable_sampling=True, seed=seed, **options))
                self.assertEqual(draws[-1], [sampled(theirs, line, seed, options) for line in some])
            self.assertNotEqual(draws[0], draws[1])


if __name__ == "__main__":
    unittest.main()
