#include "script/vm/idioms.h"

#include <algorithm>
#include <iterator>

namespace mrun {
namespace {

// The first that fits is told.
struct Idiom {
  std::string_view owner, names, advice;  // names with blanks around each
};

constexpr Idiom idioms[] = {
    {"", " None null NULL undefined ", "nil is Lua's word for it"},
    {"", " True ", "true is written small"},
    {"", " False ", "false is written small"},
    {"", " print ", "scripts write to the log: require \"log\""},
    {"", " io open ", "scripts read files of the bundle only: require \"bundle\""},
    {"", " os time datetime ", "scripts have no clock, files or environment"},
    {"", " load loadstring loadfile dofile eval exec ", "code comes from the bundle's own files: require \"lib.NAME\""},
    {"", " _G globals ", "globals have no table here"},
    {"", " utf8 ", "characters of a text are module text's: text.characters(s)"},
    {"", " len ", "#x is the length of a string or list, t:size(0) a tensor's first dimension"},
    {"", " range ", "a loop counts by itself: for i = 0, n - 1 do … end"},
    {"", " enumerate zip ", "for i, v in ipairs(list) do … end goes through a list"},
    {"", " str repr ", "tostring(x) makes a text"},
    {"", " int float ", "tonumber(s) reads a number, math.floor(x) cuts its fraction off"},
    {"", " max min abs floor ceil sqrt exp log pow ",
     "it is in math: math.max(a, b) and so on; a tensor has it as a method"},
    {"", " round ", "math.floor(x + 0.5) rounds"},
    {"", " sum ", "a tensor has t:sum(), a list wants a loop"},
    {"", " sorted ", "table.sort(list) sorts a list in place"},
    {"", " raise throw ", "error(\"message\") raises one"},
    {"", " pass ", "a block may be empty: if a then end"},
    {"", " isinstance typeof ", "type(x) is \"number\", \"string\", \"table\", …"},
    {"", " list dict tuple set ", "{1, 2} is a list, {a = 1} a table with keys"},
    {"", " f r b ", "there are no f-strings: \"a \" .. x joins, (\"%.2f\"):format(x) formats"},
    {"", " np numpy ", "tensors are module torch's: local torch = require \"torch\""},
    {"", " F nn ", "it is torch.F, of local torch = require \"torch\""},
    {"", " cv2 PIL Image transforms ", "pictures are module image's: local image = require \"image\""},
    {"", " tokenizer AutoTokenizer ",
     "tokenizers are module text's: text.tokenizer_json(bundle.asset \"tokenizer.json\")"},
    {"", " self ",
     "a stage is a plain function: preprocess (input, params), forward (model, x, params, context), "
     "postprocess (output, params, context)"},
    {"", " model ", "forward.lua alone has the model, as its function's first argument: function(model, x)"},
    {"", " params ", "params is an argument of the stage's function; top-level code has require(\"bundle\").params"},
    {"", " import from ", "local torch = require \"torch\" loads a module"},
    {"require", " pytorch numpy np ", "tensors are module torch's: require \"torch\""},
    {"require", " torchvision PIL pillow cv2 opencv skimage ", "pictures are module image's: require \"image\""},
    {"require", " torchaudio librosa soundfile ", "sound is module audio's: require \"audio\""},
    {"require", " transformers tokenizers tokenizer sentencepiece tiktoken nltk spacy ",
     "tokenizers are module text's: require \"text\""},
    {"require", " re regex lpeg rex_pcre ", "regular expressions are module text's: require(\"text\").regex(pattern)"},
    {"require", " utf8 unicodedata ", "characters of a text are module text's: require \"text\""},
    {"require", " cjson dkjson simplejson ", "it is module json: require \"json\""},
    {"require", " logging ", "it is module log: require \"log\""},
    {"require", " io os sys ffi jit debug package time datetime pathlib random ",
     "scripts have no clock, files or environment; assets are read by module bundle, math.random draws"},
    {"require", " preprocess forward postprocess ", "a stage is no module; what several share belongs in lib/NAME.lua"},
    {"string", " split ",
     "text.regex(pattern):split(s) of module text cuts it, s:gmatch \"%S+\" goes through its words"},
    {"string", " strip trim lstrip rstrip ", "s:match(\"^%s*(.-)%s*$\") is it without blanks around"},
    {"string", " replace ", "s:gsub(pattern, by), in whose pattern %. is a point"},
    {"string", " join ", "table.concat(list, \", \")"},
    {"string", " startswith startsWith ", "s:sub(1, #start) == start"},
    {"string", " endswith endsWith ", "s:sub(-#tail) == tail"},
    {"string", " contains includes index indexOf ", "s:find(part, 1, true) gives its place, or nil"},
    {"string", " count ", "select(2, s:gsub(pattern, \"\"))"},
    {"string", " length size ", "#s is its bytes"},
    {"string", " toLowerCase casefold ", "s:lower(), or text.lower(s) of module text beyond ASCII"},
    {"string", " toUpperCase ", "s:upper(), or text.upper(s) of module text beyond ASCII"},
    {"string", " encode decode ", "strings are UTF-8 already"},
    {"list", " append push push_back add ", "table.insert(list, value)"},
    {"list", " insert remove sort concat unpack ", "write table.NAME(list, …), and unpack(list)"},
    {"list", " pop ", "table.remove(list)"},
    {"list", " join ", "table.concat(list, \", \")"},
    {"list", " length size len count ", "#list is its length"},
    {"list", " get ", "t[key], or t[key] or default"},
    {"list", " keys values items ", "for k, v in pairs(t) do … end"},
    {"list", " map filter extend ", "a loop does it"},
    {"table", " append push add ", "table.insert(list, value)"},
    {"table", " pop ", "table.remove(list)"},
    {"table", " join ", "table.concat(list, \", \")"},
    {"table", " length len size getn ", "#list is its length"},
    {"table", " unpack pack ", "unpack(list) and {...}, as in Lua 5.1"},
    {"table", " map filter ", "a loop does it"},
    {"math", " round ", "math.floor(x + 0.5) rounds"},
    {"math", " tointeger type ", "x % 1 == 0 for an integer"},
    {"math", " sum mean ", "a tensor has t:sum() and t:mean(), a list wants a loop"},
    {"math", " argmax ", "a tensor has t:argmax():item()"},
    {"json", " dumps dump stringify ", "json.encode(value)"},
    {"json", " loads load parse ", "json.decode(text); bundle.json(\"NAME\") reads an asset"},
    {"bundle", " read load open file ", "bundle.text, lines, json, tensors, vocab and asset read a file of assets/"},
    {"bundle", " model models ",
     "forward.lua's function is given the model first: function(model, x); model:method \"NAME\" is another method"},
    {"bundle", " assets files ",
     "bundle.asset(\"NAME\") gives the bytes of assets/NAME, bundle.text and lines its text"},
    {"bundle", " name version description path ", "of bundle.toml a script sees the parameters: bundle.params"},
    {"image", " open load read imread decode_jpeg ", "image.decode(input) takes the bytes of a picture"},
    {"image", " imwrite save write ", "image.encode(img, \"png\") makes the bytes of a file"},
    {"image", " ToTensor to_tensor totensor ", "image.to_float(img): channels first, from 0 to 1"},
    {"image", " cvtColor to_gray grayscale rgb2gray ", "image.convert(img, \"L\")"},
    {"image", " Normalize ", "image.normalize(img, mean, std)"},
    {"image", " Resize ", "image.resize(img, n) or image.resize(img, {height, width})"},
    {"image", " CenterCrop ", "image.center_crop(img, n)"},
    {"image", " size width height shape ", "local h, w, c = img:shape()"},
    {"image", " transpose permute ", "image.to_float(img) puts the channels first"},
    {"audio", " load open read info ", "audio.decode(input) gives samples and rate of a file's bytes"},
    {"text", " tokenizer tokenize encode from_pretrained AutoTokenizer Tokenizer from_file bpe ",
     "text.tokenizer_json(bundle.asset \"tokenizer.json\"), or text.wordpiece, sentencepiece, tiktoken"},
    {"text", " compile search match findall sub ", "text.regex(pattern) has find, match, gmatch, gsub and split"},
    {"text", " split ", "text.regex(\" \"):split(s)"},
    {"text", " strip trim ", "s:match(\"^%s*(.-)%s*$\") is a text without blanks around"},
    {"text", " replace ", "text.regex(pattern):gsub(s, by)"},
    {"decode", " softmax argmax sigmoid ", "it is module torch's: torch.softmax(x, -1), x:argmax():item()"},
    {"log", " print log write ", "log.info(…), debug, warn or error"},
    {"torch", " nn functional ", "its functions are torch.F: torch.F.relu(x); models come from files"},
    {"torch", " load jit save ", "models and weights are files of the bundle: model.pt, [models.NAME], bundle.tensors"},
    {"torch", " no_grad inference_mode enable_grad set_grad_enabled autograd ",
     "there are no gradients here, so it is not needed"},
    {"torch", " from_numpy Tensor FloatTensor DoubleTensor LongTensor IntTensor BoolTensor ByteTensor as_array array ",
     "torch.tensor(list, {dtype = \"int64\"}) makes one of a list"},
    {"torch", " empty empty_like ", "there is no memory that was not written: torch.zeros(2, 3)"},
    {"torch", " device cuda ",
     "models run where --device (device of mrun_options) says, a device is written \"cpu\" or \"cuda\""},
    {"torch", " manual_seed seed ",
     "random numbers follow from the run's seed (--seed; seed of mrun_options) and the item's number"},
    {"torch", " set_num_threads ", "--threads (threads of mrun_options) sets them"},
    {"torch", " Size ", "t:shape() gives the dimensions, as several results"},
    {"tensor", " numpy to_list list ", "t:tolist() gives a Lua list; modules and answers take tensors as they are"},
    {"tensor", " T ", "t:t() turns a matrix over, t:transpose(0, 1) any tensor"},
    {"tensor", " ndim rank ", "t:dim() counts the dimensions"},
    {"tensor", " astype type cast ", "t:to(\"float32\"), t:float(), t:long() change it, t.dtype names it"},
    {"tensor", " data ", "the tensor itself is meant"},
    {"tensor", " grad backward requires_grad requires_grad_ retain_grad grad_fn ", "there are no gradients here"},
    {"tensor", " is_cuda ", "t.device names where it lies"},
    {"tensor", " repeat ", "repeat is a word of Lua's: t:tile(2)"},
    {"tensor", " end ", "end is a word of Lua's: the parameter is called stop"},
    {"tensor", " slice sub_ subarray ", "t:at({0, 2}) takes a range of each dimension"},
    {"tensor", " length len count ", "t:size(0) is its first dimension, t:numel() counts all elements"},
    {"tensor", " width ", "of a picture it is img:size(1)"},
    {"tensor", " height ", "of a picture it is img:size(0)"},
    {"tensor", " channels ", "of a picture it is img:size(2)"},
    {"tensor", " values indices ", "several results come beside each other: local values, indices = t:topk(k)"},
    {"tensor", " copy ", "t:clone()"},
    {"tensor", " logits last_hidden_state hidden_states scores output outputs ",
     "the model gave one tensor, which this is"},
    {"tensor", " ids input_ids attention_mask tokens offset_mapping ",
     "encode gives the ids themselves; tokenizer:tokenize(s, {attention_mask = true}) gives a table of them and "
     "others"},
    {"tensor", " resize center_crop convert normalize rotate letterbox ", "it is module image's: image.NAME(img, …)"},
    {"tensor", " eval train ", "models are files, which are saved in eval() mode"},
    {"argument", " return_tensors ", "what is given is a tensor"},
    {"argument", " truncation ", "max_length alone cuts off what is longer"},
    {"argument", " add_special_tokens ", "it is special"},
    {"argument", " skip_special_tokens ", "it is skip_special"},
    {"argument", " return_offsets_mapping return_token_type_ids return_attention_mask ",
     "tokenizer:tokenize gives a table with ids, types and offsets, with attention_mask = true the mask"},
    {"argument", " interpolation resample resampling mode method ", "it is filter"},
    {"argument", " max_new_tokens max_length ", "max_new is how many tokens a search makes at the most"},
    {"argument", " min_new_tokens min_length ", "it is min_new"},
    {"argument", " num_beams beams beam_size beam_width ", "decode.beam_search has beam"},
    {"argument", " num_return_sequences ", "it is n_best"},
    {"argument", " bos_token_id decoder_start_token_id start_token ",
     "bos is the first token's number, prefix several"},
    {"argument", " eos_token_id pad_token_id end_token ", "eos is the last token's number, or a list of them"},
    {"argument", " do_sample ", "decode.sample draws, decode.greedy and beam_search do not"},
    {"argument", " no_repeat_ngram_size ", "it is no_repeat_ngram"},
    {"argument", " bad_words_ids ", "it is bad_words"},
    {"argument", " suppress_tokens begin_suppress_tokens ", "it is suppress"},
    {"argument", " forced_bos_token_id forced_decoder_ids forced_prefix ", "it is forced"},
    {"argument", " stop_strings stopping_criteria ", "stop is a text or a list of texts, with the tokenizer beside it"},
    {"argument", " logits_processor prefix_allowed_tokens_fn ",
     "on_step = function(scores, info) changes the scores in place, constrain holds to a pattern or to choices"},
    {"argument", " streamer ", "on_token is called with each token"},
    {"argument", " width height ", "a size is {height, width}"},
    {"model", " eval train ",
     "a model runs in the mode that it was saved in: model.eval() stands before torch.jit.script"},
    {"model", " to cuda cpu ", "models run where --device (device of mrun_options) says"},
    {"model", " predict generate __call__ ", "model(x) calls forward"},
    {"model", " state_dict parameters named_parameters ", "mrun inspect lists a model's tensors"},
    {"tensor", " append extend ", "torch.cat({a, b}, dim) joins tensors"},
};

}  // namespace

std::string idiom(std::string_view owner, std::string_view name) {
  if (name.empty() || name.find(' ') != std::string_view::npos) return "";
  const std::string word = " " + std::string(name) + " ";
  const auto *found = std::find_if(std::begin(idioms), std::end(idioms), [&](const Idiom &i) {
    return i.owner == owner && i.names.find(word) != std::string_view::npos;
  });
  return found == std::end(idioms) ? "" : "; " + std::string(found->advice);
}

std::string filled_in_hint(std::string_view message) {
  for (const std::string_view lacks : {": mask: is missing", ": lengths: is missing"}) {
    const std::string_view before = message.substr(0, message.find(lacks));
    const bool method = before.substr(before.rfind(' ') + 1).find('.') == std::string_view::npos;  // no operation
    if (before.size() < message.size() && method) {
      return "; [batch] pad in bundle.toml, with the dims of an argument that may differ, has it filled in";
    }
  }
  return "";
}

}  // namespace mrun
