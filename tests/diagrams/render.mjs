// Renders each Mermaid block of the documents: `node render.mjs [folder]`, with the browser's path in `CHROMIUM`.
// Each block is a line, `ok` or `FAILED`. The pictures go to the folder, if there is one.

import { mkdir, readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const [folder] = process.argv.slice(2);

async function markdownIn(directory, recursive) {
  const entries = await readdir(directory, { recursive, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.md'));
  return files.map((file) => join(file.parentPath ?? file.path, file.name)).sort();
}

// The Mermaid blocks of a document, each with the line of its fence.
function diagramsIn(text) {
  const diagrams = [];
  let block;
  for (const [index, line] of text.split('\n').entries()) {
    if (!line.trim().startsWith('```')) {
      block?.lines.push(line);
    } else if (block) {
      if (block.language === 'mermaid') diagrams.push({ line: block.line, code: block.lines.join('\n') });
      block = undefined;
    } else {
      block = { language: line.trim().slice(3), line: index + 1, lines: [] };
    }
  }
  if (block) throw new Error(`the block of line ${block.line} has no end`);
  return diagrams;
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
page.setDefaultTimeout(30_000);
await page.setContent('<main style="width: 900px"></main>');
await page.addScriptTag({ path: join(here, 'node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js') });
await page.evaluate(() => {
  // As on GitHub: without scripts in diagrams. An error is thrown and not drawn.
  window.mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', suppressErrorRendering: true });
});

// Renders a diagram on the page. Throws if Mermaid rejects it or draws nothing.
async function render(id, code) {
  const { width, height } = await page.evaluate(
    async ([id, code]) => {
      const { svg } = await window.mermaid.render(id, code);
      const main = document.querySelector('main');
      main.innerHTML = svg;
      const { width, height } = main.querySelector('svg').getBoundingClientRect();
      return { width, height };
    },
    [id, code],
  );
  if (width < 50 || height < 50) throw new Error(`the picture has ${width} × ${height} pixels`);
}

if (folder) await mkdir(folder, { recursive: true });
const documents = [
  ...(await markdownIn(root, false)),
  ...(await markdownIn(join(root, 'docs'), true)),
  ...(await markdownIn(join(root, 'src/docs'), true)),
];
let passed = 0;
let failed = 0;
for (const path of documents) {
  for (const { line, code } of diagramsIn(await readFile(path, 'utf8'))) {
    const place = `${relative(root, path)}:${line}`;
    const id = `${basename(path, '.md').replaceAll('.', '-')}-${line}`;
    try {
      await render(id, code);
      if (folder) await page.locator('main').screenshot({ path: join(folder, `${id}.png`) });
      console.log(`ok ${place}`);
      passed += 1;
    } catch (error) {
      // The rest is the stack inside of Mermaid.
      console.log(`FAILED ${place}\n${error.message.split('\n    at ')[0]}`);
      failed += 1;
    }
  }
}
await browser.close();
// Without a diagram this script looked in the wrong place.
if (passed + failed === 0) {
  console.log('FAILED no document has a Mermaid block');
  failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
