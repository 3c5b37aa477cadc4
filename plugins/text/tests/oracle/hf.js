// Hugging Face's native tokenizers from the command line; NODE_PATH is where npm put them.
//   node hf.js train IN.json TEXT OUT.json         trains the model of a tokenizer on the lines of a text
//   node hf.js compare                             serves: see below
//   node hf.js vocabulary FILE.json                [size, [id, piece]…]
//   node hf.js normalize CONFIG.json               every code point, between two letters: those that change, and to what
//   node hf.js classes                             reads a text, then patterns: the characters of the text that each matches
//   node hf.js gpt NAME OUT.json                   a vocabulary of gpt-tokenizer ("cl100k_base") as a tokenizer.json
//   node hf.js version
const fs = require('fs');
const tokenizers = require('tokenizers');

const [command, ...args] = process.argv.slice(2);
const print = values => process.stdout.write(values.map(v => JSON.stringify(v) + '\n').join(''));
const load = path => tokenizers.Tokenizer.fromString(fs.readFileSync(path, 'utf8'));

// A request a line in: {path, special, items}; an item is "text", ["text", "pair"] or a list of ids. Answered by a line for each item,
// keys in alphabetical order: {ids, keep, offsets, pieces, skip, types}, where skip and keep are the ids turned back into text
// without and with special tokens (of a list of ids these two alone). All texts are one batch; the library has none for pairs.
// With {config, …} instead of a path each item is by itself, and {error: message} where it has no answer.
async function compare({path, special, items}) {
  const t = load(path);
  const answers = items.map(() => ({}));
  const texts = items.filter(x => typeof x === 'string');
  const batch = await t.encodeBatch(texts, {addSpecialTokens: special});
  let next = 0;
  for (const [i, item] of items.entries()) {
    if (typeof item !== 'string' && typeof item[0] !== 'string') continue;
    const e = typeof item === 'string' ? batch[next++] : await t.encode(...item, {addSpecialTokens: special});
    answers[i] = {ids: e.getIds(), keep: '', offsets: e.getOffsets(), pieces: e.getTokens(), skip: '', types: e.getTypeIds()};
  }
  const ids = items.map((x, i) => answers[i].ids || x);
  const keep = await t.decodeBatch(ids, false), skip = await t.decodeBatch(ids, true);
  answers.forEach((a, i) => { a.keep = keep[i]; a.skip = skip[i]; });
  print(answers);
}

async function alone(t, special, item) {
  const e = await t.encode(...(typeof item === 'string' ? [item, null] : item), {addSpecialTokens: special});
  const ids = e.getIds();
  return {ids, keep: await t.decode(ids, false), offsets: e.getOffsets(), pieces: e.getTokens(), skip: await t.decode(ids, true),
          types: e.getTypeIds()};
}

async function compareAlone({config, special, items}) {
  let t, failed;
  try { t = tokenizers.Tokenizer.fromString(config); } catch (e) { failed = e; }
  for (const item of items) print([failed ? {error: failed.message} : await alone(t, special, item).catch(e => ({error: e.message}))]);
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

function train(path, text, out) {
  const t = load(path);
  t.train([text]);
  t.save(out);
}

const commands = {train, compare: serve, vocabulary, normalize, classes, gpt, version: () => console.log(require('tokenizers/package.json').version)};
Promise.resolve(commands[command](...args)).catch(e => { console.error(e); process.exit(1); });
