// Writes man/rollcall.1 from the verbs and options themselves; `--check` only says whether it is up to date.
//
//   npm run docs:man
//
// Reads what is compiled: dist/lib/cli.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const FILE = join(ROOT, 'man', 'rollcall.1')
const require = createRequire(import.meta.url)
const { createProgram } = require(join(ROOT, 'dist', 'lib', 'cli', 'program.js'))
const { commandTree, everyCommand } = require(
  join(ROOT, 'dist', 'lib', 'cli', 'completion', 'command-tree.js'),
)
const { EXIT_TABLE } = require(join(ROOT, 'dist', 'lib', 'cli', 'support', 'exit-codes.js'))
const { version } = require(join(ROOT, 'package.json'))

const ENVIRONMENT = [
  ['ROLLCALL_QUEUE', 'the queue, where --queue is not given'],
  ['ROLLCALL_FLEET', 'the fleet of agent, where --fleet is not given'],
  ['ROLLCALL_AUTH', 'its secret, where --auth is not given'],
  ['NO_COLOR', 'set and not empty: no colours'],
  ['FORCE_COLOR', 'set: colours also where standard output is no terminal; 0: none'],
  ['COLUMNS', 'how wide a table may be where standard output is no terminal'],
]

const FILES = [
  ['DIR/board', 'a board: the shared memory of the workers; docs/FORMAT.md has every byte'],
  ['DIR/ov-*', 'statuses that are too long for it'],
  ['DIR/queue/', 'a queue on this machine: its database and the board of its timers'],
]

function page() {
  const tree = commandTree(createProgram(version))
  return [
    '.\\" Written by scripts/docs/man.mjs from the command itself: do not edit.',
    `.TH ROLLCALL 1 "" "rollcall ${version}" "User Commands"`,
    '.SH NAME',
    `rollcall \\- ${text(tree.description.replace(/^W/, 'w').replace(/\?$/, ''))}`,
    '.SH SYNOPSIS',
    ...tree.verbs.flatMap(synopsis),
    '.SH DESCRIPTION',
    text(
      'Workers publish what they do on a board in shared memory; rollcall shows it, and tells the living from the dead. ' +
        'A watchdog queue hands items to workers, on this machine or on many, and tells which of them finished, failed, died or hang. ' +
        'Durations have a unit: 500ms, 10s, 5m, 2h, 1d.',
    ),
    '.SH COMMANDS',
    ...everyCommand(tree).slice(1).flatMap(command),
    '.SH EXIT STATUS',
    ...EXIT_TABLE.flatMap(tagged),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(tagged),
    '.SH FILES',
    ...FILES.flatMap(tagged),
    '',
  ].join('\n')
}

function synopsis(node) {
  const name = node.path.join(' ')
  const words = node.arguments.map(argumentWord)
  if (node.verbs.length > 0) words.push(node.verbs.map((verb) => verb.path.at(-1)).join(' | '))
  return ['.HP 4', `${bold(name)} [\\fIoptions\\fR]${words.map((word) => ` ${word}`).join('')}`]
}

function command(node) {
  const heading = [...node.path.slice(1), ...node.arguments.map(({ name }) => name.toUpperCase())].join(' ')
  const shown = node.options.filter(({ long }) => long !== '--help')
  return [
    `.SS "${text(heading)}"`,
    text(node.description),
    ...shown.flatMap(option),
    ...node.arguments
      .filter(({ choices }) => choices.length > 0)
      .flatMap(({ name, choices }) => tagged([name, choices.join(', ')])),
    ...notes(node.notes),
  ]
}

function option({ long, short, description, value }) {
  const flags = [short, long].filter(Boolean).map(bold).join(', ')
  const shown = value === undefined ? '' : ` \\fI${text(value.name)}\\fR`
  const choices = value?.choices.length > 0 ? `; one of ${value.choices.join(', ')}` : ''
  return ['.TP', `${flags}${shown}`, text(`${description}${choices}`)]
}

function tagged([name, meaning]) {
  return ['.TP', bold(name), text(meaning)]
}

/** Paragraphs as they are; lines that begin with blanks are examples, which nobody fills. */
function notes(notes) {
  const lines = []
  let isExample = false
  for (const line of notes.split('\n')) {
    const starts = /^ /.test(line)
    if (starts !== isExample) lines.push(starts ? '.PP' : undefined, starts ? '.nf' : '.fi')
    if (!starts && (line === '' || isExample)) lines.push('.PP')
    isExample = starts
    if (line !== '') lines.push(text(line))
  }
  if (isExample) lines.push('.fi')
  // One paragraph macro after the other, or one with nothing behind it, is a warning.
  const kept = ['.PP', ...lines.filter((line) => line !== undefined)]
  return notes === ''
    ? []
    : kept.filter((line, at) => line !== '.PP' || !/^\.PP$|^$/.test(kept[at + 1] ?? ''))
}

function argumentWord({ name, isVariadic, isRequired }) {
  const word = `\\fI${text(name)}\\fR${isVariadic ? ' ...' : ''}`
  return isRequired ? word : `[${word}]`
}

function bold(words) {
  return `\\fB${text(words)}\\fR`
}

/** As roff takes it for text: nothing is a request or an escape, and a hyphen of an option can be copied. */
function text(plain) {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(/^(\.)/gm, '\\&$1')
}

const written = page()
if (process.argv[2] === '--check') {
  if (readFileSync(FILE, 'utf8') !== written) {
    console.error('man/rollcall.1 is not what the command says: npm run docs:man')
    process.exit(1)
  }
} else {
  writeFileSync(FILE, written)
}
