#include "script/vm/idioms.h"

#include <algorithm>
#include <iterator>

namespace mrun {
namespace {

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
    {"string", " split ",
     "text.regex(pattern):split(s) of module text cuts it, s:gmatch \"%S+\" goes through its words"},
    {"string", " strip trim lstrip rstrip ", "s:match(\"^%s*(.-)%s*$\") is it without blanks around"},
    {"string", " replace ", "s:gsub(pattern, by)"},
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
    {"text", " tokenizer from_pretrained AutoTokenizer Tokenizer from_file bpe ",
     "text.tokenizer_json(bundle.asset \"tokenizer.json\"), or text.wordpiece, sentencepiece, tiktoken"},
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
    {"torch", " device cuda ", "models run where --device says, a device is written \"cpu\" or \"cuda\""},
    {"torch", " manual_seed seed ", "random numbers follow from the run's seed (--seed) and the item's number"},
    {"torch", " set_num_threads ", "--threads sets them"},
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

}  // namespace mrun
