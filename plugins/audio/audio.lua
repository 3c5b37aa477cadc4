-- audio: sound files, rates, spectrograms. See audio.md.
return {
  decode = native "audio.decode@1",
  resample = native "audio.resample@1",
  spectrogram = native "audio.spectrogram@1",
  mel_filters = native "audio.mel_filters@1",
  mel_spectrogram = native "audio.mel_spectrogram@1",
  log_mel = native "audio.log_mel@1",
}
