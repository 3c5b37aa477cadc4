"""Signatures from outside: keygen, sign, verify, run, inspect, unpack; checked and made by another implementation of the standard."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import unittest
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from command import SOURCE, Case, mrun

sys.path.insert(0, str(SOURCE / "tests/format"))
import mbzip

PREDICATE = "https://model_signing/signature/v1.0"
GIT = {".git", ".gitignore", ".gitattributes", ".github"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def pae(payload):
    kind = b"application/vnd.in-toto+json"
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def check_folder(folder, signature, public):
    """What any verifier of the standard does with a folder, the file of one signature and a public key; raises where it is refused."""
    bundle = json.loads(signature.read_text())
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    key = serialization.load_pem_public_key(public.read_bytes())
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == sha256(pem(key))
    envelope = bundle["dsseEnvelope"]
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"], validate=True)
    value = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, pae(payload), ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(value, pae(payload))
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1" and statement["predicateType"] == PREDICATE
    serialized = statement["predicate"]["serialization"]
    assert serialized["method"] == "files" and serialized["hash_type"] == "sha256" and serialized["allow_symlinks"] is False
    ignored = GIT | set(serialized["ignore_paths"]) | {os.path.relpath(signature, folder)}
    resources = statement["predicate"]["resources"]
    names = [r["name"] for r in resources]
    assert names == sorted(names) and len(set(names)) == len(names)
    there = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
    there = {n: d for n, d in there.items() if n not in ignored and n.split("/")[0] not in ignored}
    assert {r["name"]: r["digest"] for r in resources} == there, "files differ"
    [subject] = statement["subject"]
    assert subject["name"] and subject["digest"] == {"sha256": sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources))}


def made_elsewhere(files, key, predicate=PREDICATE):
    """A signature as another tool makes it: laid out over lines, with keys and members of its own."""
    resources = [{"digest": d, "algorithm": "sha256", "name": n, "annotations": {}} for n, d in sorted(files.items())]
    root = sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources))
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "model", "digest": {"sha256": root}}], "predicateType": predicate,
                 "predicate": {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False}, "resources": resources}}
    payload = json.dumps(statement, indent=2).encode()
    value = key.sign(pae(payload), ec.ECDSA(hashes.SHA256()))
    return json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                       "verificationMaterial": {"publicKey": {"hint": sha256(pem(key.public_key()))}},
                       "dsseEnvelope": {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json",
                                        "signatures": [{"sig": base64.b64encode(value).decode()}]}}, indent=1).encode()


class Signatures(Case):
    def setUp(self):
        super().setUp()
        self.file = self.dir / "m.mb"
        self.folder = self.bundle(preprocess="return function(x) return x end\n", files={"assets/labels.txt": "a\nb\n", "assets/large.bin": bytes(2 << 20)})
        self.assertEqual(mrun("pack", self.folder, "-o", self.file).returncode, 0)
        self.key = self.keygen("one")

    def keygen(self, name, *more):
        result = mrun("keygen", self.dir / name, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.dir / name

    def public(self, key):
        return key.with_name(key.name + ".pub")

    def sign(self, bundle, key):
        result = mrun("sign", bundle, "--key", key)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(sha256(self.public(key).read_bytes()), result.stdout)

    def unzipped(self):
        out = self.dir / "unzipped"
        with zipfile.ZipFile(self.file) as z:
            z.extractall(out)
        return out

    def with_signature(self, text):
        """The bundle with another bundle.sig."""
        entries = mbzip.read(self.file.read_bytes())
        entries["bundle.sig"] = text
        file, directory = bytearray(), bytearray()
        for name in sorted(entries, key=mbzip.order):
            data, offset = entries[name], len(file)
            directory += mbzip.central_header(name.encode(), len(data), mbzip.zlib.crc32(data), offset)
            file += mbzip.local_header(name.encode(), len(data), mbzip.zlib.crc32(data), offset) + data
        path = self.dir / "other.mb"
        path.write_bytes(bytes(file + directory + mbzip.end_records(len(entries), len(directory), len(file))))
        return path

    def test_keys_are_what_other_tools_read_and_the_owners_alone(self):
        old = os.umask(0)
        try:
            self.keygen("open")
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE((self.dir / "open").stat().st_mode), 0o600)
        for name, more, kind in (("open", (), ec.EllipticCurvePrivateKey), ("ed", ("--algorithm", "ed25519"), ed25519.Ed25519PrivateKey)):
            key = self.dir / name if (self.dir / name).exists() else self.keygen(name, *more)
            private = serialization.load_pem_private_key(key.read_bytes(), None)
            self.assertIsInstance(private, kind)
            self.assertTrue(key.read_text().startswith("-----BEGIN PRIVATE KEY-----"))
            self.assertEqual(pem(private.public_key()), self.public(key).read_bytes())
        subprocess.run(["openssl", "pkey", "-in", self.key, "-check", "-noout"], check=True, capture_output=True)

    def test_a_key_is_never_overwritten_without_asking(self):
        before = self.key.read_bytes()
        self.refused(2, "keygen", self.key, contains=["is there already", "--force"])
        (self.dir / "two.pub").write_text("something")
        self.refused(2, "keygen", self.dir / "two", contains="is there already")
        self.assertFalse((self.dir / "two").exists())
        self.assertEqual((self.key.read_bytes(), (self.dir / "two.pub").read_text()), (before, "something"))
        self.key.chmod(0o644)
        self.keygen("one", "--force")
        self.assertNotEqual(self.key.read_bytes(), before)
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)
        self.refused(2, "keygen", self.dir / "x", "--algorithm", "rsa", contains="want p256 or ed25519")
        self.refused(2, "keygen", self.dir / "x.pub", contains="x.pub: .pub is put behind the name for the public key")

    def test_a_pair_is_replaced_whole_or_not_at_all(self):
        before, public = self.key.read_bytes(), self.public(self.key)
        public.unlink()
        public.mkdir()
        self.refused(2, "keygen", self.key, "--force", contains="is a folder")
        self.assertEqual(self.key.read_bytes(), before)
        self.refused(2, "keygen", public, "--force", contains="is a folder")
        self.refused(5, "keygen", self.dir / ("k" * 252), contains="File name too long")
        self.refused(5, "keygen", self.dir / ("k" * 252), "--force", contains="File name too long")
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith((".", "k"))], [])

    def test_a_key_has_one_name_however_its_file_writes_it(self):
        def openssl(*args):
            subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
        for name, how in (("compressed", ("-conv_form", "compressed")), ("hybrid", ("-conv_form", "hybrid")), ("explicit", ("-param_enc", "explicit"))):
            with self.subTest(name):
                private, public = self.dir / f"{name}.key", self.dir / f"{name}.pub"
                openssl("ec", "-in", self.key, *how, "-out", private)
                openssl("ec", "-in", self.key, *how, "-pubout", "-out", public)
                self.assertNotEqual(public.read_bytes(), self.public(self.key).read_bytes())
                result = mrun("sign", self.file, "--key", private)
                self.assertIn(sha256(self.public(self.key).read_bytes()), result.stdout)
                self.assertEqual(mrun("verify", self.file, "--key", public).returncode, 0)
        self.assertEqual(len(mbzip.read(self.file.read_bytes())["bundle.sig"].splitlines()), 1)

    def test_another_implementation_takes_it(self):
        for key in (self.key, self.keygen("ed", "--algorithm", "ed25519")):
            self.assertEqual(mrun("pack", self.folder, "-o", self.file).returncode, 0)
            self.sign(self.file, key)
            out = self.unzipped()
            check_folder(out, out / "bundle.sig", self.public(key))
            unpacked = self.dir / f"unpacked-{key.name}"
            self.assertEqual(mrun("unpack", self.file, "-C", unpacked).returncode, 0)
            check_folder(unpacked, unpacked / "bundle.sig", self.public(key))
            (unpacked / "preprocess.lua").write_text("return nil\n")
            with self.assertRaises(AssertionError):
                check_folder(unpacked, unpacked / "bundle.sig", self.public(key))
            with self.assertRaises((AssertionError, InvalidSignature)):
                check_folder(out, out / "bundle.sig", self.public(self.keygen(f"other-{key.name}")))
            shutil.rmtree(out)

    def test_signing_changes_nothing_else(self):
        before = self.file.read_bytes()
        digest = json.loads(mrun("inspect", self.file, "--json").stdout)["digest"]
        self.sign(self.file, self.key)
        after = self.file.read_bytes()
        entries = mbzip.read(after)
        self.assertEqual({n: d for n, d in entries.items() if n != "bundle.sig"}, mbzip.read(before))
        start = after.index(entries["bundle.sig"])
        self.assertEqual(before[:start - 500], after[:start - 500])
        self.assertEqual(json.loads(mrun("inspect", self.file, "--json").stdout)["digest"], digest)
        self.assertEqual(sorted(p.name for p in self.dir.iterdir() if "m.mb" in p.name), ["m.mb"])

    def test_what_is_trusted_runs_and_nothing_else(self):
        other = self.public(self.keygen("other"))
        marked = self.bundle(name="marked", preprocess='return function() error{code = "INPUT", message = "it ran"} end\n')
        self.assertEqual(mrun("pack", marked, "-o", self.dir / "marked.mb").returncode, 0)
        self.refused(4, self.dir / "marked.mb", "x", "--key", self.public(self.key), contains="is not signed")
        self.refused(4, self.file, "x", "--key", self.public(self.key), contains="is not signed")
        self.sign(self.file, self.key)
        keys = self.dir / "keys"
        keys.mkdir()
        self.refused(2, self.file, "x", "--trust", keys, contains="nobody is trusted")
        shutil.copy(other, keys)
        self.refused(4, self.file, "x", "--trust", keys, contains="no signature by a trusted key")
        shutil.copy(self.public(self.key), keys)
        (keys / ".hidden").write_text("no key")
        for more in (("--key", self.public(self.key)), ("--trust", keys), ("--trust", keys, "--require-signature")):
            self.assertEqual(self.answer(self.file, "x", *more), "x")
        self.refused(4, self.file, "x", "--key", other, contains="no signature by a trusted key")
        self.refused(2, self.file, "x", "--require-signature", contains="want --key FILE or --trust DIR")
        self.refused(2, self.file, "x", "--key", other, "--trust", keys, contains="want one of them")
        self.refused(2, self.file, "x", "--key", self.key, contains="is a private key")
        self.refused(2, self.file, "x", "--key", self.dir / "none", contains="no such file")
        (keys / "evil.pub").write_text("\x1b[31mnot a key")
        self.refused(2, self.file, "x", "--trust", keys, contains="evil.pub: is no public key")

    def test_what_lies_beside_trusted_keys_is_left_out(self):
        self.sign(self.file, self.key)
        keys = self.dir / "keys"
        (keys / "folder").mkdir(parents=True)
        shutil.copy(self.key, keys)  # a private key
        shutil.copy(self.file, keys / "large.mb")
        with open(keys / "larger.mb", "wb") as large:
            large.truncate(1 << 40)
        (keys / "README.txt").write_text("keys of those whom we trust")
        os.mkfifo(keys / "pipe")
        self.refused(2, self.file, "x", "--trust", keys, contains=["no public key in this folder", "other files: 6"])
        (keys / "pair.pem").write_bytes(self.key.read_bytes() + self.public(self.key).read_bytes())
        self.refused(2, self.file, "x", "--trust", keys, contains=["no public key in this folder", "other files: 7"])
        shutil.copy(self.public(self.key), keys / "by another name")
        self.assertEqual(self.answer(self.file, "x", "--trust", keys), "x")
        several = self.dir / "several.pub"
        several.write_bytes(self.public(self.keygen("other")).read_bytes() + self.public(self.key).read_bytes())
        self.refused(2, self.file, "x", "--key", several, contains="several.pub: holds several public keys; one a file is wanted")

    def test_verify_and_inspect_say_who_signed(self):
        self.sign(self.file, self.key)
        name = sha256(self.public(self.key).read_bytes())
        result = mrun("verify", self.file, "--key", self.public(self.key), "--hashes")
        self.assertEqual((result.returncode, result.stdout), (0, f"hashes  ok\nsigned  by {name}\n"))
        self.assertIn(f"signed     by {name} (not checked: --key or --trust)", mrun("inspect", self.file).stdout)
        self.assertIn(f"signed     by {name} (checked)", mrun("inspect", self.file, "--key", self.public(self.key)).stdout)
        row = {"key": name, "checked": False, "error": None}
        self.assertEqual(json.loads(mrun("inspect", self.file, "--json").stdout)["signatures"], [row])
        self.assertEqual(json.loads(mrun("inspect", self.folder, "--json").stdout)["signatures"], [])
        text = mrun("inspect", self.with_signature(b'{"\x1b[31m": 1}')).stdout
        self.assertIn("signed     not checked: ", text)
        self.assertNotIn("\x1b", text)

    def test_several_signatures(self):
        second, third = self.keygen("second", "--algorithm", "ed25519"), self.keygen("third")
        for key in (self.key, second, self.key):
            self.sign(self.file, key)
        self.assertEqual(len(mbzip.read(self.file.read_bytes())["bundle.sig"].splitlines()), 2)
        for key in (self.key, second):
            self.assertEqual(mrun("verify", self.file, "--key", self.public(key)).returncode, 0)
        self.refused(4, "verify", self.file, "--key", self.public(third), contains=["it is signed by", ", "])

    def test_one_with_a_certificate_stands_beside_others(self):
        self.sign(self.file, self.key)
        signed = json.loads(mbzip.read(self.file.read_bytes())["bundle.sig"])
        kinds = {"certificate": {"rawBytes": "AAAA"}, "x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}
        for kind, content in kinds.items():
            with self.subTest(kind):
                line = json.dumps(signed | {"verificationMaterial": {kind: content, "tlogEntries": []}}, sort_keys=True, separators=(",", ":"))
                path = self.with_signature(line.encode())
                self.refused(4, path, "x", "--key", self.public(self.key), contains="signature 1: has no publicKey: a key, not a certificate, is wanted")
                self.sign(path, self.key)
                self.assertEqual(self.answer(path, "x", "--key", self.public(self.key)), "x")
                self.assertEqual(len(mbzip.read(path.read_bytes())["bundle.sig"].splitlines()), 2)
                rows = json.loads(mrun("inspect", path, "--json").stdout)["signatures"]
                self.assertEqual([r["error"] is None for r in rows], [False, True])
                self.refused(4, path, "x", "--key", self.public(self.keygen(f"other-{kind}")), contains="no signature by a trusted key")

    def test_line_ends_and_blanks_of_other_tools(self):
        second = self.keygen("second")
        for key in (self.key, second):
            self.sign(self.file, key)
        lines = mbzip.read(self.file.read_bytes())["bundle.sig"].splitlines()
        for text in (b"\r\n".join(lines) + b"\r\n", b" \t\n".join(lines), b"\n\n" + b"\n".join(lines), b"  " + b"\n\n  ".join(lines)):
            for key in (self.key, second):
                self.assertEqual(self.answer(self.with_signature(text), "x", "--key", self.public(key)), "x", text)

    def test_one_made_elsewhere_and_what_is_wrong_with_others(self):
        key = ec.generate_private_key(ec.SECP256R1())
        public = self.dir / "elsewhere.pub"
        public.write_bytes(pem(key.public_key()))
        files = {n: sha256(d) for n, d in mbzip.read(self.file.read_bytes()).items()}
        good = self.with_signature(made_elsewhere(files, key))
        self.assertEqual(self.answer(good, "x", "--key", public), "x")
        self.sign(good, self.key)
        self.assertEqual(self.answer(good, "x", "--key", public), "x")
        less = {n: d for n, d in files.items() if n != "preprocess.lua"}
        wrong = {
            "preprocess.lua is not among the files that were signed": made_elsewhere(less, key),
            "bundle.lock is not among the files that were signed": made_elsewhere({n: d for n, d in files.items() if n != "bundle.lock"}, key),
            "assets/x was signed and is not there": made_elsewhere(files | {"assets/x": sha256(b"")}, key),
            "preprocess.lua is not what was signed": made_elsewhere(files | {"preprocess.lua": sha256(b"")}, key),
            "predicateType": made_elsewhere(files, key, predicate="https://slsa.dev/provenance/v1"),
            "does not hold": made_elsewhere(files, key).replace(b'"sig": "ME', b'"sig": "MF'),
            "line 1": b"\x00\x01garbage\x1b[31m",
            "holds no signature": b"\n",
        }
        for message, text in wrong.items():
            with self.subTest(message):
                path = self.with_signature(text)
                self.refused(4, path, "x", "--key", public, contains=message)
                self.assertEqual(self.answer(path, "x"), "x")  # who asks for no signature is not kept from running it

    def test_a_changed_byte_anywhere_is_refused(self):
        self.sign(self.file, self.key)
        data = bytearray(self.file.read_bytes())
        at = data.index(bytes(1 << 20)) + (1 << 19)  # inside the large asset, which no run hashes by itself
        data[at] ^= 1
        self.file.write_bytes(data)
        self.assertEqual(self.answer(self.file, "x"), "x")
        self.refused(4, self.file, "x", "--key", self.public(self.key), contains="assets/large.bin is damaged or was changed")

    def test_what_only_earlier_revisions_have_is_unpacked_whole_or_not_at_all(self):
        (self.folder / "preprocess.lua").write_text("return function(x) return x .. x end\n")
        self.assertEqual(mrun("commit", self.file, self.folder, "-m", "twice").returncode, 0)
        self.sign(self.file, self.key)
        data = self.file.read_bytes()
        for name in [n for n in mbzip.read(data) if n.startswith("history/")]:
            at = data.rindex(mbzip.read(data)[name])
            self.file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            self.refused(4, "unpack", self.file, "-C", self.dir / "out", contains=f"{name} is damaged or was changed")
            self.assertFalse((self.dir / "out").exists())

    def test_a_folder_is_signed_and_checked(self):
        self.sign(self.file, self.key)
        out = self.dir / "out"
        self.assertEqual(mrun("unpack", self.file, "-C", out).returncode, 0)
        key = self.public(self.key)
        self.assertEqual(self.answer(out, "x", "--key", key), "x")
        again = mrun("pack", out, "-o", self.dir / "again.mb")
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertEqual(json.loads(mrun("inspect", self.dir / "again.mb", "--json").stdout)["digest"], json.loads(mrun("inspect", self.file, "--json").stdout)["digest"])
        (out / "train.py").write_text("x")
        self.refused(4, out, "x", "--key", key, contains="train.py is not among the files that were signed")
        self.sign(out, self.key)
        self.assertEqual(mrun("verify", out, "--key", key).returncode, 0)
        check_folder(out, out / "bundle.sig", key)
        (out / "train.py").unlink()
        self.refused(4, out, "x", "--key", key, contains="train.py was signed and is not there")
        (out / "train.py").symlink_to("preprocess.lua")
        self.refused(4, out, "x", "--key", key, contains="is a link")

    def test_a_commit_is_not_signed_by_who_signed_before(self):
        self.sign(self.file, self.key)
        (self.folder / "preprocess.lua").write_text("return function(x) return x .. x end\n")
        self.assertEqual(mrun("commit", self.file, self.folder, "-m", "two").returncode, 0)
        self.refused(4, self.file, "x", "--key", self.public(self.key),
                     contains=["is not signed", "an earlier revision was: whoever commits signs anew"])
        self.assertIn("history/locks/1.sig", mbzip.read(self.file.read_bytes()))
        self.sign(self.file, self.key)
        self.assertEqual(self.answer(f"{self.file}@1", "x", "--key", self.public(self.key)), "x")
        self.assertEqual(self.answer(self.file, "x", "--key", self.public(self.key)), "xx")

    def test_keys_that_cannot_sign(self):
        self.refused(2, "sign", self.file, "--key", self.public(self.key), contains="is a public key")
        encrypted, other = self.dir / "encrypted", self.dir / "rsa"
        private = ec.generate_private_key(ec.SECP256R1())
        encrypted.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"p")))
        self.refused(2, "sign", self.file, "--key", encrypted, contains=["is encrypted", "openssl pkey -in FILE -out PLAIN"])
        other.write_bytes(rsa.generate_private_key(65537, 2048).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.refused(2, "sign", self.file, "--key", other, contains="a key of another kind (RSA)")
        self.refused(2, "sign", self.file, "--key", "/dev/zero", contains="is a device")
        self.refused(2, "keygen", "", contains="the path is empty")
        self.refused(2, "sign", f"{self.file}@1", "--key", self.key, contains=["over the whole file", "give "])
        self.refused(3, "sign", self.dir / "none.mb", "--key", self.key, contains="no such file")
        both = self.dir / "both"
        both.write_bytes(self.public(self.key).read_bytes() + self.key.read_bytes())
        self.sign(self.file, self.key)
        self.assertEqual(mrun("sign", self.file, "--key", both).returncode, 0)
        (self.dir / "loop").symlink_to("loop")
        for args in (("sign", self.dir / "loop", "--key", self.key), ("commit", self.dir / "loop", self.folder, "-m", "x")):
            self.refused(3, *args, contains="Too many levels of symbolic links")


if __name__ == "__main__":
    unittest.main()
