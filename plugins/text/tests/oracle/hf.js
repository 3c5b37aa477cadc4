// Hugging Face's native tokenizers from the command line; NODE_PATH is where npm put them.
//   node hf.js train IN.json TEXT OUT.json         trains the model of a tokenizer on the lines of a text
//   node hf.js compare                             serves: see below
//   node hf.js vocabulary FILE.json                [size, [id, piece]…]
//   node hf.js normalize CONFIG.json               every code point, between two letters: those that change, and to what
//   node hf.js classes                             reads a text, then patterns: the characters of the text that each matches
//   node hf.js gpt NAME OUT.json                   a vocabulary of gpt-tokenizer ("cl100k_base") as a tokenizer.json
//   node hf.js tiktoken                            reads {name} or {ranks: [Base64, …], pattern}, then texts: the ids that gpt-tokenizer gives each
//   node hf.js version
const fs = require('fs');
const tokenizers = require('tokenizers');

const [command, ...args] = process.argv.slice(2);
const print = values => process.stdout.write(values.map(v => JSON.stringify(v) + '\n').join(''));
const load = path => tokenizers.Tokenizer.fromString(fs.readFileSync(path, 'utf8'));

const none = list => list.map(x => x === null || x === undefined ? -1 : x);
const arrays = e => ({attention: e.getAttentionMask(), ids: e.getIds(), keep: '', offsets: e.getOffsets(), pieces: e.getTokens(),
                      sequences: none(e.getSequenceIds()), skip: '', special: e.getSpecialTokensMask(), types: e.getTypeIds(), words: none(e.getWordIds())});

// A request a line in: {path, special, items}; an item is "text", ["text", "pair"] or a list of ids. Answered by a line for each item,
// keys in alphabetical order: {attention, ids, keep, offsets, pieces, sequences, skip, special, types, words}, where skip and keep are
// the ids turned back into text without and with special tokens (of a list of ids these two alone). All texts are one batch; the library
// has none for pairs. With {config, …} instead of a path each item is by itself, and {error: message} where it has no answer.
// With {config, stride, …} the parts that a cut leaves come too, {…, overflowing}; an item may then be [["word", …]] or two such lists.
async function compare({path, special, items}) {
  const t = load(path);
  const answers = items.map(() => ({}));
  const texts = items.filter(x => typeof x === 'string');
  const batch = await t.encodeBatch(texts, {addSpecialTokens: special});
  let next = 0;
  for (const [i, item] of items.entries()) {
    if (typeof item !== 'string' && typeof item[0] !== 'string') continue;
    const e = typeof item === 'string' ? batch[next++] : await t.encode(...item, {addSpecialTokens: special});
    answers[i] = arrays(e);
  }
  const ids = items.map((x, i) => answers[i].ids || x);
  const keep = await t.decodeBatch(ids, false), skip = await t.decodeBatch(ids, true);
  answers.forEach((a, i) => { a.keep = keep[i]; a.skip = skip[i]; });
  print(answers);
}

async function alone(t, special, item) {
  const e = await t.encode(...(typeof item === 'string' ? [item, null] : item), {addSpecialTokens: special});
  const ids = e.getIds();
  return {...arrays(e), keep: await t.decode(ids, false), skip: await t.decode(ids, true)};
}

// The library's own parts end where its cut does, so the whole encodings are cut here to the lengths that it has, before its
// post-processor sees them. It has no words either: they are encoded one by one and put together by it.
async function parts(config, special, stride, item) {
  const without = (...keys) => tokenizers.Tokenizer.fromString(JSON.stringify({...config, ...Object.fromEntries(keys.map(k => [k, null]))}));
  const bare = without('truncation', 'padding', 'post_processor'), processor = without('truncation');
  const plain = {addSpecialTokens: false}, cut = config.truncation, texts = typeof item === 'string' ? [item] : item;
  const words = s => typeof s === 'string' ? [s] : s;
  const all = async (s, second) => Promise.all(words(s).map(word => second ? bare.encode('', word, plain) : bare.encode(word, null, plain)));

  const added = special ? (await without('truncation', 'padding').encode('', texts.length === 2 ? '' : null, {})).getLength() : 0;
  const room = cut && cut.max_length - added;
  let lengths = [room];
  if (cut && (texts.length === 2 || cut.strategy !== 'LongestFirst')) {
    const sequence = id => ({Sequence: {id, type_id: 0}}), fill = Array(added).fill({SpecialToken: {id: 'x', type_id: 0}});
    const as_many = {type: 'TemplateProcessing', single: [sequence('A'), ...fill], pair: [sequence('A'), sequence('B'), ...fill],
                     special_tokens: {x: {id: 'x', ids: [0], tokens: ['x']}}};
    const limited = tokenizers.Tokenizer.fromString(JSON.stringify({...config, padding: null, post_processor: as_many}));
    const sequences = (await limited.encode(texts[0], texts[1] || null, {addSpecialTokens: special})).getSequenceIds();
    lengths = texts.map((_, i) => sequences.filter(x => x === i).length);
  }
  const shorten = (e, i) => {
    if (!cut || lengths[i] >= e.getLength()) return e;
    if (lengths[i] > 0 && stride >= lengths[i]) throw new Error('the stride is too long');
    e.truncate(lengths[i], stride, cut.direction.toLowerCase());
    return e;
  };
  // Encoded as the second of a pair, a text has the right types, but the number of the first.
  const whole = async second => {
    const encodings = await Promise.all(texts.map(async (s, i) => shorten(tokenizers.mergeEncodings(await all(s, second && i === 1), false), i)));
    return processor.postProcess(encodings[0], encodings[1] || null, special);
  };
  const e = await whole(false), typed = await whole(true);
  const answer = [e, ...e.getOverflowing()].map(arrays), types = [typed, ...typed.getOverflowing()].map(x => x.getTypeIds());
  answer.forEach((a, i) => { a.types = types[i]; });
  const numbers = await Promise.all(texts.map(async s => typeof s === 'string' ? null : (await all(s)).flatMap((x, word) => x.getIds().map(() => word))));
  answer[0].words = answer[0].words.map((word, k) => word < 0 || !numbers[answer[0].sequences[k]] ? word : numbers[answer[0].sequences[k]].shift());
  const [first, ...rest] = answer;
  for (const a of rest) { delete a.keep; delete a.skip; }
  return {...first, keep: await processor.decode(first.ids, false), skip: await processor.decode(first.ids, true), ...(rest.length && {overflowing: rest})};
}

async function compareAlone({config, special, stride, items}) {
  let t, failed;
  try { t = tokenizers.Tokenizer.fromString(config); } catch (e) { failed = e; }
  const one = item => stride === undefined ? alone(t, special, item) : parts(JSON.parse(config), special, stride, item);
  for (const item of items) print([failed ? {error: failed.message} : await one(item).catch(e => ({error: e.message}))]);
}

function serve() {
  let queue = Promise.resolve();
  require('readline').createInterface({input: process.stdin}).on('line', line => {
    const request = JSON.parse(line);
    queue = queue.then(() => (request.config ? compareAlone : compare)(request)).catch(e => { console.error(e); process.exit(1); });
  });
}

function vocabulary(path) {
  const t = load(path);
  const entries = Object.entries(t.getVocab(true)).map(([piece, id]) => [id, piece]);
  print([t.getVocabSize(true), ...entries.map(([id]) => [id, t.idToToken(id)])]);
}

function normalize(path) {
  const t = tokenizers.Tokenizer.fromString(fs.readFileSync(path, 'utf8'));
  const n = t.getNormalizer();
  const out = [];
  for (let c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const s = 'a' + String.fromCodePoint(c) + 'b';
    const r = n.normalizeString(s);
    if (r !== s) out.push([c, r]);
  }
  print(out);
}

// A text is taken in parts, as replacing takes the square of its length. 
function classes() {
  const [all, ...patterns] = fs.readFileSync(0, 'utf8').trim().split('\n').map(line => JSON.parse(line));
  const characters = [...all], parts = [];
  for (let i = 0; i < characters.length; i += 2048) parts.push(characters.slice(i, i + 2048));
  for (const pattern of patterns) {
    const n = tokenizers.Tokenizer.fromString(JSON.stringify({version: '1.0', truncation: null, padding: null, added_tokens: [],
      normalizer: {type: 'Replace', pattern: {Regex: pattern}, content: ''}, pre_tokenizer: null, post_processor: null, decoder: null,
      model: {type: 'WordLevel', vocab: {a: 0}, unk_token: 'a'}})).getNormalizer();
    print([parts.flatMap(part => {
      const left = new Set(n.normalizeString(part.join('')));
      return part.filter(c => !left.has(c));
    })]);
  }
}

// GPT-2's letters for bytes.
function letters() {
  const out = [];
  let next = 256;
  for (let b = 0; b < 256; ++b)
    out.push(String.fromCharCode((b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174 ? b : next++));
  return out;
}

const patterns = {
  cl100k_base: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  o200k_base: "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};

// The file has tokens by rank; a merge is the last two parts that byte-pair encoding leaves below a token's own rank.
function gpt(name, path) {
  const file = require('path').join(require.resolve('gpt-tokenizer/package.json'), '..', 'data', name + '.tiktoken');
  const tokens = fs.readFileSync(file, 'utf8').trim().split('\n').map(line => {
    const [text, rank] = line.split(' ');
    return [Buffer.from(text, 'base64').toString('latin1'), Number(rank)];
  });
  const ranks = new Map(tokens), letter = letters();
  const spell = s => [...s].map(c => letter[c.charCodeAt(0)]).join('');
  const vocab = {}, merges = [];
  for (const [token, rank] of tokens) {
    vocab[spell(token)] = rank;
    const parts = [...token];
    while (parts.length > 2) {
      let best = -1, lowest = rank;
      for (let i = 0; i + 1 < parts.length; ++i) {
        const r = ranks.get(parts[i] + parts[i + 1]);
        if (r !== undefined && r < lowest) [best, lowest] = [i, r];
      }
      if (best < 0) throw new Error('no merge gives token ' + rank);
      parts.splice(best, 2, parts[best] + parts[best + 1]);
    }
    if (parts.length === 2) merges.push([spell(parts[0]), spell(parts[1])]);
  }
  const special = {single_word: false, lstrip: false, rstrip: false, normalized: false, special: true};
  fs.writeFileSync(path, JSON.stringify({
    version: '1.0', truncation: null, padding: null,
    added_tokens: [{id: tokens.length, content: '<|endoftext|>', ...special}, {id: tokens.length + 1, content: '<|fim_prefix|>', ...special}],
    normalizer: null,
    pre_tokenizer: {type: 'Sequence', pretokenizers: [
      {type: 'Split', pattern: {Regex: patterns[name]}, behavior: 'Isolated', invert: false},
      {type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false}]},
    post_processor: null,
    decoder: {type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true},
    model: {type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false,
            byte_fallback: false, ignore_merges: true, vocab, merges},
  }));
}

// The rank of a token is its place in the list.
function ranked({ranks, pattern}) {
  const {BytePairEncodingCore} = require('gpt-tokenizer/cjs/BytePairEncodingCore');
  const value = bytes => bytes.equals(Buffer.from(bytes.toString('utf8'))) ? bytes.toString('utf8') : [...bytes];
  const core = new BytePairEncodingCore({bytePairRankDecoder: ranks.map(r => value(Buffer.from(r, 'base64'))), specialTokensEncoder: new Map(),
                                         tokenSplitRegex: new RegExp(pattern, 'gu')});
  return text => core.encodeNative(text);
}

function tiktoken() {
  const [which, ...texts] = fs.readFileSync(0, 'utf8').trim().split('\n').map(line => JSON.parse(line));
  print(texts.map(which.name ? require('gpt-tokenizer/cjs/encoding/' + which.name).encode : ranked(which)));
}

function train(path, text, out) {
  const t = load(path);
  t.train([text]);
  t.save(out);
}

const commands = {train, compare: serve, vocabulary, normalize, classes, gpt, tiktoken, version: () => console.log(require('tokenizers/package.json').version)};
Promise.resolve(commands[command](...args)).catch(e => { console.error(e); process.exit(1); });
