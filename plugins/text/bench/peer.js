// Hugging Face's side of the comparison: node peer.js MODEL TEXT. Each line on standard input starts one run over all lines of
// TEXT in one batch, so that calls from JavaScript do not count; the answer is the process's time in milliseconds and the tokens.
const fs = require('fs');
const {Tokenizer} = require('tokenizers');

const [model, text] = process.argv.slice(2);
const tokenizer = Tokenizer.fromString(fs.readFileSync(model, 'utf8'));
const lines = fs.readFileSync(text, 'utf8').split('\n');
if (lines[lines.length - 1] === '') lines.pop();

async function run() {
  const begin = process.cpuUsage();
  const encodings = await tokenizer.encodeBatch(lines);
  const used = process.cpuUsage(begin);
  let tokens = 0;
  for (const e of encodings) tokens += e.getLength();
  console.log((used.user + used.system) / 1e3, tokens);
}

let queue = Promise.resolve();
require('readline').createInterface({input: process.stdin}).on('line', () => { queue = queue.then(run); });
