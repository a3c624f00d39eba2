// Which room may import which. docs/ARCHITECTURE.md says why; this table is what counts.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { circlesOf, importsOf, type Sources, sourcesBelow } from './support/imports'
import { ROOT } from './support/paths'

const BOARD = 'util scoreboard'
const QUEUE = 'queue/types queue/timer-report queue/watchdog-queue'
const BELOW_MEMBERS =
  'util scoreboard/types queue/types queue/store queue/page-state queue/incarnation queue/items'
const BELOW_MASTER = `${BELOW_MEMBERS} queue/timer-report queue/members`
const SHOWN = `${BOARD} http ${QUEUE} fleet/types view`

/**
 * Rooms of `lib/`, from the lowest up, with what each may import besides itself: rooms, and npm packages. A room is a
 * folder, without the folders in it that have a line of their own, or one file.
 */
const MAY: Record<string, string> = {
  util: 'fastest-levenshtein',
  binding: 'util node-gyp-build',
  'scoreboard/types': '',
  scoreboard: 'util binding scoreboard/types',
  'queue/types': 'util scoreboard/types',
  'queue/timer-report': 'queue/types',
  'queue/page-state': 'util',
  'queue/store': 'util',
  'queue/store/local': `${BOARD} binding queue/store libsql`,
  'queue/store/zookeeper': 'util binding queue/types queue/store',
  'queue/incarnation': 'util queue/store queue/page-state',
  'queue/items': 'util queue/store queue/page-state queue/incarnation',
  'queue/members': BELOW_MEMBERS,
  'queue/master': BELOW_MASTER,
  'queue/worker': BELOW_MASTER,
  'queue/thread': `${BELOW_MEMBERS} queue/members queue/store/zookeeper`,
  'queue/check-options': 'util queue/types queue/store queue/page-state queue/incarnation queue/items',
  'queue/connect': 'util queue/types queue/store queue/store/local queue/store/zookeeper',
  'queue/inside': `${BELOW_MASTER} queue/check-options queue/master queue/worker queue/connect`,
  'queue/watchdog-queue': `${BELOW_MASTER} queue/worker queue/inside`,
  'fleet/types': 'queue/types scoreboard',
  fleet: `${BOARD} queue/types queue/store queue/connect queue/check-options view fleet/types`,
  http: BOARD,
  view: `${BOARD} http ${QUEUE} fleet/types string-width`,
  why: `${BOARD} binding view ws`,
  metrics: SHOWN,
  terminal: `${SHOWN} picocolors`,
  'terminal/live': `${SHOWN} terminal`,
  page: `${SHOWN} fleet metrics terminal why`,
  demo: `${SHOWN} fleet why metrics page terminal autocannon`,
  'cli/completion': 'commander',
  'cli/parse': `${SHOWN} commander`,
  'cli/support': `${SHOWN} fleet why commander cli/parse`,
  'cli/verbs': `${SHOWN} fleet binding why terminal terminal/live page demo queue/worker commander autocannon cli/parse cli/support cli/completion`,
  cli: `util commander cli/support cli/verbs ../package.json`,
  index: `${SHOWN} fleet fleet/types metrics page why queue/worker`,
}

/** The room of a path below `lib/`: the longest line that it lies under. */
function roomOf(path: string): string | undefined {
  const inside = path.replace(/^lib\//, '').replace(/\.ts$/, '')
  const rooms = Object.keys(MAY).filter((room) => inside === room || inside.startsWith(`${room}/`))
  return path.startsWith('lib/') ? rooms.sort((a, b) => b.length - a.length)[0] : undefined
}

/** Every import that the table does not have, and every file of `lib/` that lies in no room. */
function faultsOf(sources: Sources): string[] {
  return [...sources.keys()].flatMap((path) => {
    const room = roomOf(path)
    if (room === undefined) return [`${path} is in no room`]
    const may = new Set([room, ...MAY[room]!.split(' ')])
    // A room of one file inside of another: whoever may use the board may use its types.
    if (may.has('scoreboard')) may.add('scoreboard/types')
    return importsOf(sources, path)
      .filter((target) => !may.has(roomOf(target) ?? target))
      .map((target) => `${path} imports ${target}`)
  })
}

describe('The architecture', () => {
  const lib = sourcesBelow(ROOT, ['lib'])

  it('lets every file of lib/ import only what its room may', () => {
    assert.deepEqual(faultsOf(lib), [])
  })

  it('has no line in its table that nothing needs', () => {
    const used = new Set<string>()
    for (const path of lib.keys()) {
      for (const target of importsOf(lib, path)) used.add(`${roomOf(path)} ${roomOf(target) ?? target}`)
    }
    const packages = Object.entries(MAY).flatMap(([room, may]) =>
      may.split(' ').flatMap((name) => (name === '' || name in MAY ? [] : [`${room} ${name}`])),
    )

    assert.deepEqual(
      packages.filter((line) => !used.has(line)),
      [],
    )
    assert.deepEqual(
      Object.keys(MAY).filter((room) => ![...lib.keys()].some((path) => roomOf(path) === room)),
      [],
    )
  })

  it('has no circle of imports, in what is shipped and in what tests and measures it', () => {
    assert.deepEqual(circlesOf(sourcesBelow(ROOT, ['lib', 'test', 'bench', 'examples'])), [])
  })

  it('lets examples use what users have, and nothing else of ours', () => {
    const sources = sourcesBelow(ROOT, ['lib', 'examples'])
    const ours = [...sources.keys()]
      .filter((path) => path.startsWith('examples/'))
      .flatMap((path) => importsOf(sources, path).filter((target) => target.includes('/')))

    assert.deepEqual([...new Set(ours)], ['lib/index.ts'])
  })

  it('names in its comments and in docs/ARCHITECTURE.md only what is there', () => {
    const files = ['lib', 'test', 'bench', 'native', 'scripts'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `/${folder}/${name}`,
      ),
    )
    const named = (text: string) => text.match(/[\w./-]*\w\.(?:ts|cc|mjs|pml)\b/g) ?? []
    const comments = [...lib.values()].flatMap((text) => text.match(/(?:^|\s)(?:\/\/|\*) .*$/gm) ?? [])
    const document = readFileSync(join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8').split('## Glossary')[0]!
    const rooms = [...document.matchAll(/^ +([a-z-]+)\/ /gm)].map(([, room]) => room!)

    const missing = [...comments.flatMap(named), ...named(document)].filter(
      (name) => !files.some((file) => file.endsWith(`/${name.replace(/^(?:\.+\/)+/, '')}`)),
    )

    assert.deepEqual([...new Set(missing)], [])
    const ofTree = ['native', 'docs'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((one) => one.isDirectory()),
    )
    for (const { name } of ofTree) assert.ok(rooms.includes(name), `docs/ARCHITECTURE.md has ${name}`)
    for (const room of Object.keys(MAY).filter((room) => !lib.has(`lib/${room}.ts`))) {
      assert.ok(rooms.includes(room.split('/').at(-1)!), `docs/ARCHITECTURE.md has ${room}`)
    }
  })

  it('is written down in CONTRIBUTING.md with files and folders that are there', () => {
    const rooms = [
      'lib',
      'test',
      'bench',
      'native',
      'scripts',
      'docs',
      'assets',
      'man',
      'examples',
      '.github',
    ]
    const files = rooms.flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `/${folder}/${name}`,
      ),
    )
    files.push(...[...readdirSync(ROOT), ...rooms].map((name) => `/${name}`))
    const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '')
    const named = [...text.matchAll(/`([\w./-]+?\.(?:[cm]?[jt]s|cc|h|css|md|json|yml|1)|(?:[\w.-]+\/)+)`/g)]

    const missing = named
      .map(([, name]) => name!.replace(/\/$/, ''))
      .filter((name) => !/NAME|^(?:subject|kebab-case|build|prebuilds|dist)\b|\.test\.js$/.test(name))
      .filter((name) => !files.some((file) => file.endsWith(`/${name}`)))

    assert.ok(named.length > 150, `${named.length} names`)
    assert.deepEqual([...new Set(missing)], [])
  })

  it('keeps the headers of Node out of the core', () => {
    const core = join(ROOT, 'native', 'core')
    const strangers = readdirSync(core).filter((name) =>
      /#include\s*[<"](?:node|napi|uv|v8)/.test(readFileSync(join(core, name), 'utf8')),
    )

    assert.deepEqual(strangers, [])
  })

  describe('refuses, by the same table,', () => {
    const refused: [what: string, path: string, line: string][] = [
      ['an import upwards', 'lib/scoreboard/codec.ts', "import { note } from '../cli/support/output'"],
      ['a type from above', 'lib/queue/store/store.ts', "import type { A } from '../incarnation/attach'"],
      ['a store in queue logic', 'lib/queue/items/open-pages.ts', "import { B } from '../store/local/store'"],
      ['one store in the other', 'lib/queue/store/local/store.ts', "import { C } from '../zookeeper/url'"],
      ['the queue in a server', 'lib/http/tracker.ts', "import type { D } from '../queue/types'"],
      ['what is seen from outside, inside', 'lib/page/page.ts', "import { open } from '../index'"],
      ['a lazy import upwards', 'lib/view/text.ts', "const { run } = await import('../demo/run.js')"],
      ['SQLite beside its store', 'lib/queue/connect.ts', "import Database from 'libsql'"],
      ['ZooKeeper beside its store', 'lib/queue/worker/timer.ts', "const client = require('zookeeper')"],
      ['the addon beside its binding', 'lib/scoreboard/watch.ts', "require('node-gyp-build')(__dirname)"],
      ['a package nobody knows', 'lib/util/wait.ts', "import pad from '@who/left-pad/fast'"],
      ['what is not shipped', 'lib/util/wait.ts', "import { ROOT } from '../../test/support/paths'"],
    ]
    for (const [what, path, line] of refused) {
      it(what, () => {
        const faults = faultsOf(new Map([...lib, [path, line]]))

        assert.equal(faults.filter((fault) => fault.startsWith(path)).length, 1)
      })
    }

    it('a file in no room', () => {
      assert.deepEqual(faultsOf(new Map([['lib/misc/things.ts', '']])), ['lib/misc/things.ts is in no room'])
    })

    it('a circle, of types too', () => {
      const sources = new Map([
        ['lib/a.ts', "import { b } from './b'"],
        ['lib/b.ts', "export type { C } from './c/index.js'"],
        ['lib/c/index.ts', "import type { A } from '../a'"],
      ])

      assert.deepEqual(circlesOf(sources), [['lib/a.ts', 'lib/b.ts', 'lib/c/index.ts', 'lib/a.ts']])
    })
  })
})
