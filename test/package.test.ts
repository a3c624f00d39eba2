// What is published: light to load, the same as what the tests compile, and readable where something is thrown.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as compiled from '../lib'
import { makePackage, PACKAGE, PACKAGE_COMMAND } from './support/package'
import { LIB, ROOT } from './support/paths'
import { tempDir } from './support/temp-dir'

/** Runs a program and gives back what it wrote as JSON. */
function tell<T>(program: string, options: string[] = []): T {
  const args = [...options, '-e', program]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as T
}

const loading = `require(${JSON.stringify(PACKAGE)})`
const importing = (what: string) => `import ${what} from ${JSON.stringify(pathToFileURL(PACKAGE).href)}\n`

describe('The published package', () => {
  before(makePackage)

  it('has the public names, no other, and each is what it is in lib/', () => {
    const names = tell<[string, string][]>(
      `console.log(JSON.stringify(Object.entries(${loading}).map(([name, value]) => [name, typeof value]).sort()))`,
    )

    const wanted = Object.entries(compiled).map(([name, value]) => [name, typeof value])
    assert.deepEqual(names, wanted.sort())
  })

  it('gives every name to import as well', () => {
    const names = Object.keys(compiled).sort()

    const seen = tell<boolean[]>(
      `${importing(`{ ${names.join(', ')} }`)}console.log(JSON.stringify([${names.join(', ')}].map((one) => one !== undefined)))`,
      ['--input-type=module'],
    )

    assert.ok(seen.every(Boolean), String(seen))
  })

  for (const [way, program, options] of [
    ['require', `${loading}; const list = process.moduleLoadList`, []],
    [
      'import',
      `${importing('{ Scoreboard, WatchdogQueue }')}const list = process.moduleLoadList; const { require } = globalThis`,
      ['--input-type=module'],
    ],
  ] as const) {
    it(`loads few files by ${way}, and nothing of Node that a board does not need`, () => {
      const { files, modules } = tell<{ files: string[]; modules: string[] }>(
        `${program}
        const files = Object.keys(process.getBuiltinModule('node:module')._cache)
        console.log(JSON.stringify({ files, modules: list.map((name) => name.replace('NativeModule ', '')) }))`,
        [...options],
      )

      const names = files.map((file) => path.relative(ROOT, file))
      assert.deepEqual(
        names.filter((name) => name.startsWith('dist')),
        ['index.js', 'rollcall.js', 'util.js'].map((name) => path.join('dist', 'package', name)),
      )
      for (const heavy of ['crypto', 'worker_threads', 'net', 'http', 'child_process', 'stream/promises'])
        assert.ok(!modules.includes(heavy) || way === 'import', `${heavy} is loaded`)
    })
  }

  it('keeps its classes classes, before and after their insides are loaded', async () => {
    const directory = path.join(tempDir(), 'queue')
    const program = `
      const { WatchdogQueue, WatchdogError, Scoreboard, ScoreboardError } = ${loading}
      const seen = [typeof WatchdogQueue.connect, typeof WatchdogQueue.prototype.consume, WatchdogQueue.name]
      WatchdogQueue.connect(${JSON.stringify(directory)}).then(async (queue) => {
        seen.push(queue instanceof WatchdogQueue, queue.constructor === WatchdogQueue)
        await queue.createQueue({ queue: ['a'] })
        seen.push(await queue.consume())
        await queue.destroy()
        seen.push(await queue.counts().catch((error) => error instanceof WatchdogError))
        await queue.close()
        try { new Scoreboard({ baseDir: '/dev/null/x' }) } catch (error) { seen.push(error instanceof ScoreboardError) }
        console.log(JSON.stringify(seen))
      })`

    assert.deepEqual(tell(program), ['function', 'function', 'WatchdogQueue', true, true, 'a', true, true])
  })

  it('says in a stack which function of ours it was, and with source maps on which line of lib/', () => {
    const program = `try { new (${loading}).Scoreboard({ baseDir: '/dev/null/x' }) } catch (error) { console.log(JSON.stringify(error.stack)) }`

    const plain = tell<string>(program)
    const mapped = tell<string>(program, ['--enable-source-maps'])

    const [, ours] = /at (\w+) \(.*dist\/package\/rollcall\.js:\d+:\d+\)\n +at openBoard /.exec(plain) ?? []
    const [, line] = /lib\/scoreboard\/open-board\.ts:(\d+):/.exec(mapped) ?? []
    const source = fs.readFileSync(path.join(ROOT, 'lib', 'scoreboard', 'open-board.ts'), 'utf8')
    assert.match(source, new RegExp(`function ${ours}\\(`), plain)
    assert.match(source.split('\n')[Number(line) - 1]!, /^ +throw /, mapped)
  })

  it('runs nothing of the command in a server with a status page and instrumented requests', () => {
    const directory = tempDir()
    const program = `
      const { Scoreboard, instrument, renderMetrics, statusHandler } = ${loading}
      const board = new Scoreboard({ baseDir: ${JSON.stringify(directory)} })
      const page = statusHandler(board)
      const server = require('node:http').createServer(page)
      instrument(server, { board })
      renderMetrics(board)
      server.listen(0, '127.0.0.1', async () => {
        const { status } = await fetch('http://127.0.0.1:' + server.address().port + '/')
        const files = Object.keys(require.cache).filter((file) => /[\\/]dist[\\/]package[\\/]cli[\\/]/.test(file))
        console.log(JSON.stringify({ status, files }))
        process.exit()
      })`

    assert.deepEqual(tell(program), { status: 200, files: [] })
  })

  it('has a command that starts by its name', () => {
    assert.ok(fs.readFileSync(PACKAGE_COMMAND, 'utf8').startsWith('#!/usr/bin/env node\n'))
  })

  it('has a command that says what the compiled one says, of every verb', () => {
    const verbs = [
      '',
      'ls',
      'totals',
      'cleanup',
      'top',
      'watch',
      'serve',
      'demo',
      'run',
      'work',
      'queue',
      'queue wait',
      'completion',
    ]
    for (const verb of verbs) {
      const args = [...verb.split(' ').filter(Boolean), '--help']
      const [ours, compiledOne] = [PACKAGE_COMMAND, path.join(LIB, 'cli', 'main.js')].map((file) =>
        spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' }),
      )
      assert.equal(ours!.stdout, compiledOne!.stdout, verb)
      assert.equal(ours!.status, 0, ours!.stderr)
    }
  })

  /** The files of the package that a command loads. */
  function filesOf(...args: string[]): { stdout: string; files: string[] } {
    const { stdout, stderr } = spawnSync(process.execPath, [PACKAGE_COMMAND, ...args], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'module' },
    })
    const loaded = new Set([...stderr.matchAll(/load "([^"]+)" for module/g)].map(([, file]) => file!))
    return { stdout, files: [...loaded].filter((file) => file.includes('/dist/package/')) }
  }

  it('lists a board with the files of that verb alone', () => {
    const baseDir = tempDir()
    using worker = new compiled.Scoreboard({ baseDir, workerId: 'w' })
    worker.update('here')

    const { stdout, files } = filesOf('ls', baseDir)

    assert.match(stdout, /\bw\b/)
    assert.ok(files.length <= 8, files.join('\n'))
    for (const other of ['queue', 'page', 'top', 'watch'])
      assert.ok(!files.some((file) => file.includes(`/${other}`)), other)
  })

  it('works a list with the files of that verb, the queue and its local store alone', () => {
    const list = path.join(tempDir(), 'list')
    fs.writeFileSync(list, 'one\n')

    const { stdout, files } = filesOf('work', '--arg-file', list, '--', 'echo', 'did')

    assert.equal(stdout, 'did one\n')
    assert.ok(files.length <= 12, files.join('\n'))
    for (const other of ['page/', 'ls.js', 'zookeeper'])
      assert.ok(!files.some((file) => file.includes(other)), other)
  })
})
