// Who in lib/ may call the file system: what is at a path that others may write to is the business of trust.ts alone.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from '../support/paths'

/** Calls of node:fs by file, with the reason why they are no matter of trust. */
const ALLOWED: Record<string, [calls: string[], why: string]> = {
  'util/trust.ts': [['*'], 'the one place'],
  'util/kernel-text.ts': [['readFileSync'], 'what the kernel says in /proc and /sys'],
  'util/path-trouble.ts': [
    ['Stats', 'accessSync', 'constants', 'lstatSync'],
    'whose a path is that could not be used, for the error that says so',
  ],
  'queue/store/local/ack-logs.ts': [
    ['closeSync', 'ftruncateSync', 'writeSync'],
    'on a descriptor of a file that trust has made',
  ],
  'queue/store/local/log-flush.ts': [
    ['closeSync', 'fdatasync'],
    'on a descriptor that trust has opened, of a log that was checked',
  ],
  'queue/store/local/database-errors.ts': [['statfsSync'], 'asks the disk how full it is'],
  'scoreboard/open-board.ts': [['Stats'], 'a type'],
  'scoreboard/overflow.ts': [['Stats', 'closeSync'], 'a type; of a descriptor that trust has opened'],
  'cli/parse/secret.ts': [['readFileSync'], 'a file that the user named, which may be a pipe'],
  'cli/support/output.ts': [['fstatSync', 'writeSync'], 'standard output'],
  'cli/support/place-hints.ts': [
    ['closeSync', 'existsSync', 'readdirSync'],
    'names for a hint; of a descriptor that trust has opened',
  ],
  'cli/support/supervisor.ts': [
    ['existsSync'],
    'whether a program is anywhere in PATH, for the error that says so',
  ],
  'cli/support/supervisor-program.ts': [
    ['accessSync', 'constants', 'existsSync'],
    'a program of the package, which is not opened',
  ],
  'cli/support/verb-hints.ts': [['statSync'], 'whether a word is a directory, for a hint'],
  'cli/support/signs-of-life.ts': [['statSync'], 'when a file that the user named was written last'],
  'cli/verbs/work/output.ts': [['closeSync'], 'on descriptors that trust has opened'],
  'cli/verbs/work/log-folder.ts': [
    ['closeSync', 'mkdirSync'],
    'a directory that the user named; on descriptors that trust has opened',
  ],
  'cli/verbs/work/printer.ts': [['write'], 'standard output and error'],
  'cli/verbs/work/records.ts': [
    ['closeSync', 'fstatSync', 'openSync'],
    'files that the user named to be appended to, which may be pipes',
  ],
  'cli/support/temporary-folder.ts': [
    ['mkdtempSync', 'readlinkSync', 'rmSync'],
    'a directory of its own that it has just made, 0700, and such of earlier processes of this user; a link of /proc',
  ],
  'cli/verbs/work/spool.ts': [
    ['closeSync', 'mkdtempSync', 'openSync', 'readSync', 'rmSync', 'writeSync'],
    'a new file in a directory of its own that it has just made, 0700',
  ],
  'cli/parse/items.ts': [
    ['createReadStream', 'statSync'],
    'a file that the user named, which may be a pipe, or a directory by mistake',
  ],
  'demo/fleet-run.ts': [
    ['existsSync', 'mkdtemp', 'rm'],
    'a directory of its own that it has just made, 0700',
  ],
  'demo/run.ts': [['existsSync', 'mkdtemp', 'rm'], 'a directory of its own that it has just made, 0700'],
  'page/assets.ts': [['readFileSync'], 'files of the package'],
  'metrics/release.ts': [['readFileSync'], 'a file of the package'],
  'binding.ts': [['existsSync'], 'whether a file of the package is there, for the error that says so'],
  'fleet/names.ts': [['readFileSync'], 'a file of the system'],
  'why/proc.ts': [['readdirSync', 'readlinkSync', 'statSync'], 'what the kernel says in /proc'],
  'why/source-maps.ts': [
    ['readFileSync'],
    'files of the program that is asked, whose owner is trusted (on-board.ts)',
  ],
  'cli/support/open-queue.ts': [['readFileSync'], 'a file that the user named, which may be a pipe'],
  'queue/store/local/wall-clock.ts': [['readFileSync'], 'what the kernel says in /proc'],
}

const LIB = path.join(ROOT, 'lib')
const IMPORTS =
  /(?:import|export)\s+(?:type\s+)?(?:(\w+)|\*\s+as\s+(\w+)|\{([^}]*)\}|\*)\s+from\s+['"](?:node:)?fs(?:\/promises)?['"]/g
const OTHER_WAYS = /(?:require|import|getBuiltinModule)\(\s*['"`](?:node:)?fs|process\.binding/

/** The names that a source takes from node:fs, by whatever kind of import. */
function callsOf(source: string): string[] {
  const calls = new Set<string>()
  for (const [, whole, star, names] of source.matchAll(IMPORTS)) {
    const name = whole ?? star
    if (name !== undefined) {
      calls.add('all of it')
      for (const [, call] of source.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, 'g'))) calls.add(call!)
    }
    for (const part of names?.split(',') ?? ['all of it']) {
      const [, call] = /^\s*(?:type\s+)?(\w+)/.exec(part) ?? []
      if (call !== undefined) calls.add(call)
    }
  }
  if (OTHER_WAYS.test(source)) calls.add('a dynamic import')
  return [...calls].sort()
}

/** What a source calls and may not; and what the table allows it without need. */
function faults(file: string, source: string): string[] {
  const allowed = ALLOWED[file]?.[0] ?? []
  if (allowed.includes('*')) return []
  const calls = callsOf(source)
  return [
    ...calls
      .filter((call) => !allowed.includes(call))
      .map((call) => `${file}: ${call}; see lib/util/trust.ts`),
    ...allowed.filter((call) => !calls.includes(call)).map((call) => `${file} has no need of ${call}`),
  ]
}

describe('The file system, in lib/', () => {
  it('is called in trust.ts alone, but for what the table of this test says', () => {
    const files = fs
      .readdirSync(LIB, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))

    const all = files.flatMap((file) => faults(file, fs.readFileSync(path.join(LIB, file), 'utf8')))

    assert.deepEqual(all, [])
    assert.deepEqual(
      Object.keys(ALLOWED).filter((file) => !files.includes(file)),
      [],
    )
  })

  for (const source of [
    "import fs from 'node:fs'\nfs.rmSync(file)",
    "import * as fs from 'fs'\nfs.openSync(file)",
    "import { open as hidden } from 'node:fs/promises'",
    "import { rmSync, type Stats } from 'node:fs'",
    "export * from 'node:fs'",
    "const fs = require('node:fs')",
    "await import('node:fs/promises')",
    "process.getBuiltinModule('node:fs')",
  ]) {
    it(`is seen to be called by ${source.replaceAll('\n', '; ')}`, () => {
      assert.notDeepEqual(faults('scoreboard/other.ts', source), [])
    })
  }
})
