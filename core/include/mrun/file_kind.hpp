// mrun/file_kind.hpp - what a file is, by how it begins: for the message of a reader that wanted another kind, so that
// all of them name it alike. C++17, header only, needs nothing else. What a plugin or the core reads itself it looks for
// first: sounds that libsndfile knows are not in here.
#pragma once
#include <cstddef>
#include <string_view>

namespace mrun {
namespace detail {

struct file_mark {
  size_t at;
  std::string_view bytes;
  std::string_view kind;
};

using namespace std::string_view_literals;

// The first that matches counts: longer marks stand before their beginnings.
inline constexpr file_mark marks_of_texts[] = {
    {0, "version https://git-lfs"sv, "a pointer of Git LFS, which stands for the file: `git lfs pull` fetches that"sv},
    {0, "<svg"sv, "an SVG drawing"sv},
    {0, "<"sv, "a web page or XML, as a failed download leaves one"sv},
    {0, "{"sv, "JSON text"sv},
    {0, "%PDF"sv, "a PDF document"sv},
    {0, "#?RADIANCE"sv, "a Radiance picture (HDR)"sv},
    {0, "P7\n"sv, "a PAM picture"sv},
    {0, "Pf\n"sv, "a PFM picture"sv},
    {0, "PF\n"sv, "a PFM picture"sv},
};
inline constexpr file_mark marks_of_binaries[] = {
    // What a file came in.
    {0, "\x1f\x8b"sv, "compressed with gzip: unpack it first"sv},
    {0, "BZh"sv, "compressed with bzip2: unpack it first"sv},
    {0, "\xfd\x37zXZ"sv, "compressed with xz: unpack it first"sv},
    {0, "(\xb5/\xfd"sv, "compressed with zstd: unpack it first"sv},
    {0, "PK\3\4"sv, "a ZIP archive"sv},
    {0, "\x7f\x45LF"sv, "a program or library"sv},
    // Tensors and models.
    {0, "\x93NUMPY"sv, "NumPy's .npy (an input of kind = \"tensor\")"sv},
    {0, "\x89HDF"sv, "HDF5, as Keras writes it"sv},
    {0, "GGUF"sv, "a GGUF file, which holds weights without code"sv},
    {0, "lmgg"sv, "an old GGML file, which holds weights without code"sv},
    {8, "{\""sv, "a safetensors file, which holds weights without code"sv},
    {4, "TFL3"sv, "a TensorFlow Lite model"sv},
    {0, "ftrt"sv, "a TensorRT engine, made for one kind of GPU"sv},
    // Pictures.
    {0, "\xff\xd8\xff"sv, "a JPEG picture"sv},
    {0, "\x89PNG\r\n\x1a\n"sv, "a PNG picture"sv},
    {0, "\x89PNG"sv, "a PNG picture, damaged as a transfer of text does it"sv},
    {0, "GIF8"sv, "a GIF picture"sv},
    {0, "II*\0"sv, "a TIFF picture"sv},
    {0, "MM\0*"sv, "a TIFF picture"sv},
    {0, "BM"sv, "a BMP picture"sv},
    {8, "WEBP"sv, "a WebP picture"sv},
    {4, "ftypavif"sv, "an AVIF picture"sv},
    {4, "ftypheic"sv, "a HEIC picture"sv},
    {4, "ftypmif1"sv, "a HEIF picture"sv},
    {0, "\xff\x0a"sv, "a JPEG XL picture"sv},
    {4, "JXL \r\n"sv, "a JPEG XL picture"sv},
    {4, "jP  \r\n"sv, "a JPEG 2000 picture"sv},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"sv},
    {0, "8BPS"sv, "a Photoshop document"sv},
    {0, "\0\0\1\0"sv, "an icon (ICO)"sv},
    {0, "v/1\1"sv, "an OpenEXR picture"sv},
    {0, "DDS "sv, "a DDS texture"sv},
    // Sounds and videos.
    {4, "ftyp"sv, "an MP4 file: a video, or sound as AAC or ALAC"sv},
    {0, "\x1a\x45\xdf\xa3"sv, "a Matroska or WebM file"sv},
    {0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, "a WMA or ASF file"sv},
    {8, "AVI "sv, "an AVI video"sv},
    {0, "FLV"sv, "a Flash video"sv},
    {0, ".RMF"sv, "a RealMedia file"sv},
    {0, "#!AMR"sv, "an AMR file"sv},
    {0, "MAC "sv, "a Monkey's Audio file"sv},
    {0, "wvpk"sv, "a WavPack file"sv},
    {0, "MPCK"sv, "a Musepack file"sv},
    {0, "MP+"sv, "a Musepack file"sv},
    {0, "TTA1"sv, "a True Audio file"sv},
    {0, "DSD "sv, "a DSD file"sv},
    {0, "FRM8"sv, "a DSD file"sv},
    {0, "MThd"sv, "a MIDI file, which holds notes and no samples"sv},
    {0, "ADIF"sv, "an AAC file"sv},
    {0, "\xff\xf1"sv, "an AAC file (ADTS)"sv},
    {0, "\xff\xf9"sv, "an AAC file (ADTS)"sv},
};

// Has bytes that no text has. Many marks are letters with which a sentence may begin, too: "BM", "MAC ".
inline bool is_binary(std::string_view head) {
  for (const char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < '\t' || (byte > '\r' && byte < ' ') || byte == 0x7f || byte >= 0xf8) return true;
  }
  return false;
}

// ir_version, then the name of who made it: "\x08\x08\x12\x07pytorch". Core ML begins so, too, but with a message there.
inline bool is_onnx(std::string_view head) {
  return head.size() > 4 && head[0] == 8 && head[2] == 0x12 && head[3] > 0 &&
         ((head[4] | 32) >= 'a' && (head[4] | 32) <= 'z');
}

template <size_t N>
std::string_view kind_by(const file_mark (&marks)[N], std::string_view head) {
  for (const file_mark &m : marks) {
    if (head.size() > m.at && head.substr(m.at, m.bytes.size()) == m.bytes) return m.kind;
  }
  return {};
}

}  // namespace detail

// "a JPEG picture", "compressed with gzip: unpack it first"; with its article, as it stands behind "it is". Empty where it
// is not known. The first 64 bytes are enough.
inline std::string_view known_file_kind(std::string_view first_bytes) {
  const std::string_view head = first_bytes.substr(0, 64);
  if (detail::is_onnx(head)) return "an ONNX model";
  if (head.substr(0, 1) == "<" && head.find("<net name=") != head.npos) return "an OpenVINO model";
  return detail::is_binary(head) ? detail::kind_by(detail::marks_of_binaries, head)
                                 : detail::kind_by(detail::marks_of_texts, head);
}

// What a ZIP archive is, by the name of one of its entries: "a program of torch.export (.pt2)". Empty where that tells nothing.
inline std::string_view known_archive_kind(std::string_view entry) {
  const auto has = [entry](std::string_view part) { return entry.find(part) != entry.npos; };
  const auto ends = [entry](std::string_view end) {
    return entry.size() >= end.size() && entry.substr(entry.size() - end.size()) == end;
  };
  if (has("data/aotinductor/")) return "a package of AOTInductor (.pt2): code compiled for one machine";
  if (ends("serialized_exported_program.json") || has("/models/model.json")) return "a program of torch.export (.pt2)";
  if (ends("/.data/extern_modules") || ends("/.data/python_version"))
    return "a package of torch.package, whose code is Python's";
  if (entry == "model.weights.h5") return "a model of Keras (.keras)";
  if (entry == "MAR-INF/MANIFEST.json") return "an archive of TorchServe (.mar), which holds a model's file";
  if (ends(".npy")) return "NumPy's .npz";
  return {};
}

}  // namespace mrun
