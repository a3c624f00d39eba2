// Readers of the format that are not ours, beside ours: the same workers, states and statuses, also of a board
// that is damaged or hostile.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { BoardBytes, RECORD, SLOT } from '../support/board-file'
import { open } from '../support/boards'
import { runCli, startWorker } from '../support/cli'
import { ROOT } from '../support/paths'
import { tempDir } from '../support/temp-dir'

const FOLDER = path.join(ROOT, 'examples', 'other-languages')

interface Seen {
  slot: number
  epoch: number
  id: string
  state: string
  error: string | undefined
  status: unknown
}

const bySlot = (a: Seen, b: Seen) => a.slot - b.slot

async function ours(baseDir: string): Promise<Seen[]> {
  const { stdout } = await runCli(['ls', '--dead', '--json', baseDir])
  const workers = (JSON.parse(stdout) as { workers: (Seen & { error?: { code: string } })[] }).workers
  return workers
    .map(({ slot, epoch, id, state, error, status }) => {
      return { slot, epoch, id, state, error: (error as { code: string } | undefined)?.code, status }
    })
    .sort(bySlot)
}

function python(baseDir: string): Seen[] {
  const { stdout, stderr, status } = spawnSync('python3', [path.join(FOLDER, 'read_board.py'), baseDir])
  assert.equal(status, 0, String(stderr))
  const lines = String(stdout).split('\n').filter(Boolean)
  return lines.map((line) => {
    const { slot, epoch, id, state, error, status: said } = JSON.parse(line) as Seen
    return { slot, epoch, id, state, error, status: said }
  })
}

let compiled: string | undefined

/** Statuses are its bytes with control characters escaped: compared where they are plain text. */
function c(baseDir: string): Seen[] {
  if (compiled === undefined || !fs.existsSync(compiled)) {
    compiled = path.join(fs.mkdtempSync(path.join(ROOT, 'build', 'read-board-')), 'read_board')
    const flags = ['-std=c11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined']
    const args = [...flags, '-o', compiled, path.join(FOLDER, 'read_board.c')]
    const { status, stderr } = spawnSync('cc', args)
    assert.equal(status, 0, String(stderr))
  }
  const { stdout, stderr, status } = spawnSync(compiled, [baseDir])
  assert.equal(status, 0, String(stderr))
  const lines = String(stdout).split('\n').filter(Boolean)
  return lines.map((line) => {
    const [slot, epoch, state, , id, text] = line.split('\t') as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    const error = text.startsWith('!') ? text.slice(1) : undefined
    return { slot: Number(slot), epoch: Number(epoch), id, state, error, status: error ? undefined : text }
  })
}

async function mixedBoard(): Promise<string> {
  const baseDir = tempDir()
  open({
    baseDir,
    workerId: 'claimed',
    counters: { a: 'counter', b: 'gauge' },
    sharedCounters: ['s'],
  }).claim()
  open({ baseDir, workerId: 'text' }).update('reading /var/log/x')
  open({ baseDir, workerId: 'wörker 7' }).update('größer als 1 €')
  open({ baseDir, workerId: 'json' }).update({ job: 7, path: ['a', null] })
  open({ baseDir, workerId: 'bytes' }).update(Buffer.of(0, 255, 10))
  open({ baseDir, workerId: 'long' }).update('long'.repeat(2000))
  const killed = await startWorker(baseDir, 'killed', 'x'.repeat(5000))
  const also = await startWorker(baseDir, 'killed too', 'last words')
  await killed.killed()
  await also.killed()
  open({ baseDir, workerId: 'closed' }).close()
  return baseDir
}

function asText({ status }: Seen): unknown {
  if (status === undefined) return ''
  return typeof status === 'string' ? status : undefined
}

describe('Readers in other languages', () => {
  after(() => {
    if (compiled !== undefined) fs.rmSync(path.dirname(compiled), { recursive: true, force: true })
  })

  it('see what rollcall ls sees', async () => {
    const baseDir = await mixedBoard()

    const expected = await ours(baseDir)

    assert.equal(expected.length, 8)
    assert.deepEqual(python(baseDir), expected)
    for (const [i, seen] of c(baseDir).entries()) {
      const { status, ...rest } = expected[i]!
      assert.deepEqual({ ...seen, status: undefined }, { ...rest, status: undefined })
      if (asText(expected[i]!) !== undefined) assert.equal(seen.status, asText(expected[i]!))
      if (rest.id === 'json') assert.deepEqual(JSON.parse(seen.status as string), status)
    }
  })

  it('see the same errors on a board that is damaged', async () => {
    const baseDir = await mixedBoard()
    const file = new BoardBytes(path.join(baseDir, 'board'))
    const slots = Object.fromEntries((await ours(baseDir)).map(({ id, slot }) => [id, slot]))
    const record = (id: string) => file.recordOffset(slots[id]!)
    file.write(record('text') + RECORD.kind, 1, 9)
    file.write(record('json') + RECORD.length, 4, 0xffff_ffff)
    file.write(record('killed too') + RECORD.encoding, 1, 200)
    file.write(file.slotOffset(slots['wörker 7']!) + SLOT.idBytes, 4, 4_000_000_000)
    file.write(record('long') + RECORD.crc32c, 4, 1)
    file.save()
    for (const name of fs.readdirSync(baseDir)) {
      if (name.startsWith('ov-') && name.includes(`-${slots.killed}-`)) fs.rmSync(path.join(baseDir, name))
    }

    const expected = await ours(baseDir)

    assert.deepEqual(
      expected
        .map(({ error }) => error)
        .filter(Boolean)
        .sort(),
      ['BAD_RECORD', 'BAD_RECORD', 'BAD_RECORD', 'OVERFLOW_CORRUPT', 'OVERFLOW_MISSING'],
    )
    assert.deepEqual(python(baseDir), expected)
    const briefly = ({ slot, epoch, id, state, error }: Seen) => ({ slot, epoch, id, state, error })
    assert.deepEqual(c(baseDir).map(briefly), expected.map(briefly))
  })

  it('end with a message, never otherwise, whatever the file is', async () => {
    const baseDir = await mixedBoard()
    c(baseDir)
    const whole = fs.readFileSync(path.join(baseDir, 'board'))
    const other = tempDir()
    const board = path.join(other, 'board')
    const files: (() => void)[] = [
      () => fs.writeFileSync(board, ''),
      () => fs.writeFileSync(board, 'just some words'),
      () => fs.writeFileSync(board, whole.subarray(0, 100)),
      () => fs.writeFileSync(board, whole.subarray(0, 4096)),
      () => fs.mkdirSync(board),
      () => fs.symlinkSync(path.join(baseDir, 'board'), board),
      () => spawnSync('mkfifo', [board]),
    ]
    // Each field of the header by itself, with a checksum that is right.
    for (const [at, size] of [
      [8, 2],
      [12, 4],
      [16, 4],
      [24, 4],
      [28, 4],
      [32, 4],
      [36, 4],
      [40, 2],
      [42, 2],
      [48, 8],
    ]) {
      files.push(() => {
        fs.writeFileSync(board, whole)
        const bytes = new BoardBytes(board)
        bytes.write(at!, size!, 0xffff_fff8)
        if (at !== 12) bytes.signHeader()
        bytes.save()
      })
    }
    for (const make of files) {
      fs.rmSync(board, { recursive: true, force: true })
      make()
      for (const [command, ...args] of [['python3', path.join(FOLDER, 'read_board.py')], [compiled!]]) {
        const { status, signal, stdout, stderr } = spawnSync(command!, [...args, other], { timeout: 60_000 })
        assert.deepEqual([status, signal, String(stdout)], [1, null, ''], `${make} ${command} ${stderr}`)
        assert.doesNotMatch(String(stderr), /Traceback|Sanitizer|runtime error/)
      }
    }
  })
})
