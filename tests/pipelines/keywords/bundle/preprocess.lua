local audio, torch = require "audio", require "torch"

return function(input)
  local x, rate = audio.decode(input)
  x = audio.sinc_resample(audio.mono(x), rate, 16000)
  local cepstra = audio.mfcc(x, 16000, { n_mfcc = 13, n_fft = 400, hop_length = 160, n_mels = 40 })
  local mel = audio.mel_spectrogram(x, 16000, { n_fft = 400, hop_length = 160, n_mels = 20 })
  return torch.cat { cepstra / 50, torch.log(mel + 1e-3) } -- 33 x frames
end
