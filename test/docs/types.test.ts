// What a TypeScript project sees of the package: real projects, compiled against the declarations, with nothing
// skipped. `npm run test:package` does the same with TypeScript 5.0, the newest 5 and what is packed.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const USER = `
import { clusterMetrics, instrument, noteExits, publishMetrics, renderMetrics, Scoreboard, statusHandler, WatchdogQueue } from 'rollcall'
interface Job { step: number; path?: string; inner: { list: string[] } }
const job: Job = { step: 1, inner: { list: [] } }
const plain = new Scoreboard({ baseDir: '/x' })
plain.update(job)
plain.update('text')
plain.update([1, null, { a: true }])
plain.update(new Uint8Array(3))
// @ts-expect-error a function is no status
plain.update(() => 1)
// @ts-expect-error nor is an object with one
plain.update({ f: () => 1 })
const counted = new Scoreboard({ baseDir: '/x', counters: { images: 'counter', busy: 'gauge' } })
counted.counters.add('images')
// @ts-expect-error misspelt
counted.counters.add('imagez')
export const n: number = counted.totals().images
// @ts-expect-error misspelt
counted.totals().imagez
counted.update(job)
const typed = new Scoreboard<Job, 'done'>({ baseDir: '/x' })
typed.update(job)
// @ts-expect-error no Job
typed.update('text')
typed.counters.add('done')
// @ts-expect-error misspelt
typed.counters.add('dne')
export const steps: number[] = [...typed.readAll().values()].map(({ step }) => step)
export const maybe: (number | undefined)[] = typed.snapshot().workers.map(({ status }) => status?.step)
statusHandler(typed)
renderMetrics(typed)
export const unused = [clusterMetrics, instrument, noteExits, publishMetrics, WatchdogQueue]
`

const WITH_NODE = `
import cluster from 'node:cluster'
import http from 'node:http'
import { instrument, noteExits, Scoreboard, statusHandler } from 'rollcall'
const board = new Scoreboard<{ at: string }, 'requests'>({ baseDir: '/x', counters: { requests: 'counter' } })
const server = http.createServer(statusHandler(board))
instrument(server, { board, path: (request) => request.url ?? '' })()
noteExits(cluster, board)
`

const BASE = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  module: 'node16',
  moduleResolution: 'node16',
  target: 'es2022',
  lib: ['es2022'],
  types: [] as string[],
  noEmit: true,
  skipLibCheck: false,
}

function compile(source: string, options: Partial<typeof BASE>): string {
  const project = tempDir()
  fs.mkdirSync(path.join(project, 'node_modules', '@types'), { recursive: true })
  fs.symlinkSync(ROOT, path.join(project, 'node_modules', 'rollcall'))
  for (const name of options.types?.length ? ['@types/node', 'undici-types'] : []) {
    fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(project, 'node_modules', name))
  }
  const config = { compilerOptions: { ...BASE, ...options }, files: ['user.ts'] }
  fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config))
  fs.writeFileSync(path.join(project, 'user.ts'), source)
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  return String(spawnSync(process.execPath, [tsc, '-p', project]).stdout)
}

describe('The types', () => {
  it('compile without @types/node, and know interfaces and the names of counters', () => {
    assert.equal(compile(USER, {}), '')
  })

  it('compile in a project for browsers, and in one with the newest library', () => {
    assert.equal(compile(USER, { lib: ['es2022', 'dom'] }), '')
    assert.equal(compile(USER, { lib: ['esnext', 'dom', 'esnext.disposable'] }), '')
  })

  it("are Node's own where a project has @types/node", () => {
    assert.equal(compile(USER, { types: ['node'] }), '')
    assert.equal(compile(WITH_NODE, { types: ['node'] }), '')
    assert.match(
      compile(WITH_NODE.replace('request.url', 'request.nothing'), { types: ['node'] }),
      /'nothing'/,
    )
  })
})
