// One board in every state, as all faces tell of it: they have to say the same, word by word and number by number.

import assert from 'node:assert/strict'

import { type Scoreboard, statusHandler } from '../../lib'
import { open } from '../support/boards'
import { runCli, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { ask, listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const REQUEST = { since: 1, method: 'GET', path: '/', inFlight: 1, requests: 5, bytes: 10 }
const KINDS = ['busy', 'idle', 'stale', 'blocked', 'dead'] as const

/** Longer than a busy machine keeps this process from its own event loop. */
const BLOCKED_MS = 5000
const LIMITS = ['--stale', '1ms', '--blocked', `${BLOCKED_MS}ms`]

/** What a list on a terminal says of them. */
const WORDS: Record<string, string> = { dead: 'DEAD', blocked: '(blocked|stopped) [\\d.]+s' }

type Counts = Record<(typeof KINDS)[number] | 'living', number>

describe('All faces of one board', () => {
  let baseDir: string
  let board: Scoreboard
  let port: number

  beforeEach(async () => {
    baseDir = tempDir()
    board = open({ baseDir, workerId: 'works' })
    board.update({ ...REQUEST, state: 'working' })
    open({ baseDir, workerId: 'reads' }).update({ ...REQUEST, state: 'reading' })
    open({ baseDir, workerId: 'keeps' }).update({ ...REQUEST, state: 'keep-alive', inFlight: 0 })
    open({ baseDir, workerId: 'starts' }).claim()
    open({ baseDir, workerId: 'rests' }).update('idle')
    open({ baseDir, workerId: 'talks' }).update('counts sheep')
    for (const id of ['dies', 'died too']) await (await startWorker(baseDir, id, 'last words')).killed()
    // One whose name lives again is dead no more.
    await (await startWorker(baseDir, 'comes back', 'first life')).killed()
    open({ baseDir, workerId: 'comes back' }).update('second life')
    // Without a heart only silence tells; and one whose event loop stands still.
    open({ baseDir, workerId: 'silent', heartbeatMs: 0 }).update('counts sheep')
    const stopped = await startWorker(baseDir, 'stopped', 'sums')
    stopped.signal('SIGSTOP')
    const reader = open({ baseDir, readOnly: true })
    const ageOf = () => reader.snapshot().workers.find(({ id }) => id === 'stopped')!.heartbeatAgeMs!
    await eventually(() => ageOf() > BLOCKED_MS, 'the worker that is stopped to be blocked')
    port = (await listen(statusHandler(reader, { staleAfterMs: 1, blockedAfterMs: BLOCKED_MS }))).port
  })

  const get = async (path: string) => (await ask(port, { path })).body

  async function ofPage(): Promise<Counts> {
    const html = await get('/')
    const tile = (name: string) => Number(new RegExp(`data-text="${name}">([\\d,]+)<`).exec(html)![1])
    const rows = (kind: string) =>
      [...html.matchAll(new RegExp(`<tr class="${kind}( last)?" data-key`, 'g'))].length
    for (const kind of KINDS) assert.equal(rows(kind), tile(kind), `rows and tile of ${kind}`)
    return { ...(Object.fromEntries(KINDS.map((kind) => [kind, tile(kind)])) as Counts), living: tile('all') }
  }

  async function ofJson(): Promise<Counts> {
    const { counts, workers } = JSON.parse(await get('/?json'))
    for (const kind of KINDS) {
      const entries = workers.filter((worker: { kind: string }) => worker.kind === kind)
      assert.equal(entries.length, counts[kind], `entries and count of ${kind}`)
    }
    return { ...counts, living: workers.filter(({ state }: { state: string }) => state === 'live').length }
  }

  async function ofMetrics(): Promise<Counts> {
    const text = await get('/metrics')
    const of = (series: string) => Number(new RegExp(`^${series} (\\d+)$`, 'm').exec(text)![1])
    const kinds = KINDS.filter((kind) => kind !== 'dead')
    const living = kinds.map((kind) => [kind, of(`rollcall_workers_living{state="${kind}"}`)])
    const ups = [...text.matchAll(/^rollcall_worker_up\{.*\} (\d)$/gm)].map(([, up]) => Number(up))
    const dead = of('rollcall_workers{state="dead"}')
    assert.equal(ups.filter((up) => up === 0).length, dead)
    return { ...Object.fromEntries(living), dead, living: of('rollcall_workers{state="live"}') }
  }

  async function ofTop(): Promise<Counts> {
    const { stdout } = await runCli(['top', '--rounds', '1', ...LIMITS, baseDir])
    const of = (word: string) => Number(new RegExp(`(\\d+) ${word}[,\\n]`).exec(stdout)?.[1] ?? 0)
    return { ...(Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Counts), living: of('living') }
  }

  async function ofLs(): Promise<Counts> {
    const { workers } = JSON.parse((await runCli(['ls', '--dead', '--json', ...LIMITS, baseDir])).stdout)
    const counts = Object.fromEntries(
      KINDS.map((kind) => [kind, workers.filter((worker: { kind: string }) => worker.kind === kind).length]),
    ) as Counts
    const living = JSON.parse((await runCli(['ls', '--json', baseDir])).stdout).workers.length
    return { ...counts, living }
  }

  async function countTheSame(): Promise<void> {
    const expected: Counts = { busy: 4, idle: 3, stale: 1, blocked: 1, dead: 2, living: 9 }

    for (const face of [ofPage, ofJson, ofMetrics, ofTop, ofLs]) {
      const { busy, idle, stale, blocked, dead, living } = await face()
      assert.deepEqual({ busy, idle, stale, blocked, dead, living }, expected, face.name)
    }
  }

  async function sayTheSame(): Promise<void> {
    const words = new Map<string, string>()
    for (const { id, word } of JSON.parse(await get('/?json')).workers) words.set(id, word)
    const html = await get('/')
    const { stdout } = await runCli(['ls', '--dead', ...LIMITS, baseDir])

    assert.equal(words.size, 11)
    for (const [id, word] of words) {
      assert.match(html, new RegExp(`<b>${word}</b></td><td class="c-id"><a[^>]*>${id}<`))
      const line = stdout.split('\n').find((one) => one.includes(` ${id} `))
      assert.match(line ?? '', new RegExp(` ${WORDS[word] ?? word} `), `ls about ${id}`)
    }
  }

  async function agreeWithLetters(): Promise<void> {
    const lines = new Map(
      (await get('/?auto')).split('\n').map((line) => line.split(': ') as [string, string]),
    )
    const letters = lines.get('Scoreboard')!.replaceAll('.', '')
    const busy = letters.replace(/[^RW]/g, '').length

    assert.equal(letters.length, 9)
    assert.equal(Number(lines.get('BusyWorkers')), busy)
    assert.equal(Number(lines.get('IdleWorkers')), letters.length - busy)
    assert.equal(lines.get('DeadWorkers'), '2')
    assert.deepEqual([lines.get('StaleWorkers'), lines.get('BlockedWorkers')], ['1', '1'])
  }

  // One board for all: it takes seconds until a worker is blocked for longer than this process may be.
  it('count the same workers in the same states, with the same words, as the letters of mod_status do', async () => {
    await countTheSame()
    await sayTheSame()
    await agreeWithLetters()
  })
})
