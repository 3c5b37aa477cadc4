-- audio: sound files, rates, spectrograms. See audio.md.
return {
  decode = native "audio.decode@1",
  resample = native "audio.resample@1",
  sinc_resample = native "audio.sinc_resample@1",
  mono = native "audio.mono@1",
  spectrogram = native "audio.spectrogram@1",
  mel_filters = native "audio.mel_filters@1",
  mel_spectrogram = native "audio.mel_spectrogram@1",
  log_mel = native "audio.log_mel@1",
  mfcc = native "audio.mfcc@1",
  fbank = native "audio.fbank@1",
}
