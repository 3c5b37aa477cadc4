-- The bundle's own files and parameters. See bundle.md.
return {
  asset = native "core.asset@1",
  text = native "core.text@1",
  lines = native "core.lines@1",
  json = native "core.json@1",
  tensors = native "core.tensors@1",
  vocab = native "core.vocab@1",
  shared = native "core.shared@1",
  params = native "core.params@1" ()
}
