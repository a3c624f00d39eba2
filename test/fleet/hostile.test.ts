// What others may have written into a fleet: bounded, told by its type, and never at the cost of other machines.

import assert from 'node:assert/strict'
import { join as pathJoin } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { FleetModel } from '../../lib/fleet/model'
import { memberPath, parseLife, partPath, viewerIntervalMs } from '../../lib/fleet/names'
import { decodePart, encodePart, MAX_PART_BYTES } from '../../lib/fleet/part'
import { decodeMember, encodeMember, type MemberRecord } from '../../lib/fleet/record'
import { listedOf } from '../../lib/fleet/viewer'
import { openStore } from '../../lib/queue/connect'
import { ANY_VERSION, type Store } from '../../lib/queue/store/store'
import { open } from '../support/boards'
import { bytesLike, damaged } from '../support/damaged'
import { join, look, machine } from '../support/machines'
import { tempDir } from '../support/temp-dir'

const LIFE = '0123456789abcdef'
const MID = 'fedcba9876543210'

const record: MemberRecord = {
  ...{ name: 'm', host: 'h', labels: { zone: 'x' }, page: 'http://x/', joinedAt: 5, phase: 'joined' },
  ...{ life: LIFE, followMs: 100, retainMs: 5 },
  boards: [
    {
      ...{ dir: '/run/x', boardId: 'b', slots: 8, live: 2, busy: 1, blocked: 1, dead: 1 },
      ...{ kinds: { done: 'counter' }, totals: { done: 4 } },
      parts: [
        [0, 1],
        [1, 3],
      ],
    },
  ],
}

function part(): Uint8Array {
  const board = open({ baseDir: tempDir(), workerId: 'w', counters: { done: 'counter' } })
  board.update({ some: ['thing'] })
  const ended = [{ slot: 3, epoch: 1, died: true, ending: 'SIGKILL' }]
  const { workers } = board.snapshot()
  return encodePart({
    revision: 1,
    counterNames: ['done'],
    workers,
    ended,
    statusBytes: 99,
    isBlocked: () => true,
  })
}

/** As a viewer that has read these shows it. */
function shown(readable: MemberRecord, rows: ReturnType<typeof decodePart>['rows']): string {
  const model = new FleetModel()
  model.setLives(new Map([[MID, new Set([LIFE])]]))
  const parts = new Map([[0, { revision: 1, rows, ended: [], size: 1 }]])
  const boards = [{ number: 0, boardId: 'b', dir: 'd', parts }]
  model.setReading(MID, { record: readable, boards, writtenAt: performance.now(), error: undefined })
  for (const { workers, joinedAt } of model.entries()) {
    for (const time of [joinedAt, ...workers.map(({ startedAt }) => startedAt)]) new Date(time).toISOString()
  }
  return JSON.stringify([model.entries(), model.totals()])
}

describe('What a machine says of itself, as a store gives it', () => {
  it('is a record that every reader can use, or none', () => {
    let accepted = 0

    fc.assert(
      fc.property(bytesLike(record), (bytes) => {
        const decoded = decodeMember(bytes)
        if (decoded === undefined) return
        accepted++
        shown(decoded, [])
        assert.deepEqual(decodeMember(encodeMember(decoded)), decoded)
      }),
      { numRuns: 300 },
    )

    assert.ok(accepted > 0)
    assert.deepEqual(decodeMember(encodeMember(record)), record)
  })

  it('has names that are no members of Object', () => {
    const text = encodeMember(record).toString().replaceAll('"done"', '"__proto__"')

    const decoded = decodeMember(Buffer.from(text))!

    assert.deepEqual(Object.keys(decoded.boards[0]!.totals), ['__proto__'])
    assert.equal(Object.getPrototypeOf(decoded.boards[0]!.totals), Object.prototype)
    shown(decoded, [])
  })
})

describe('The workers of a machine, as a store gives them', () => {
  it('are rows that every reader can use, and a bad one costs no other', () => {
    const bytes = part()
    const sound = decodePart(bytes, { writtenAt: 0 })
    const wire = JSON.parse(inflateRawSync(bytes).toString()) as Record<string, unknown[]>
    const [row] = wire.rows!
    assert.equal(sound.rows[0]!.id, 'w')
    assert.equal(sound.ended.length, 1)

    fc.assert(
      fc.property(damaged({ ...wire, rows: [row, row] }), (value) => {
        const data = deflateRawSync(JSON.stringify(value) ?? '')
        let decoded: ReturnType<typeof decodePart>
        try {
          decoded = decodePart(data, { writtenAt: 0 })
        } catch (error) {
          assert.ok(error instanceof Error)
          return
        }
        shown(record, decoded.rows)
      }),
      { numRuns: 300 },
    )
    const withBad = { ...wire, rows: [row, [1, 2, 3], { slot: 1 }, null] }
    const { rows, bad } = decodePart(deflateRawSync(JSON.stringify(withBad)), { writtenAt: 0 })
    assert.deepEqual(rows, sound.rows)
    assert.equal(bad, 3)
  })

  it('are refused where they are a bomb, too many, or too deep', () => {
    const refused = {
      bomb: deflateRawSync(Buffer.alloc(64 * 1024 * 1024)),
      many: deflateRawSync(JSON.stringify({ revision: 1, counters: [], rows: Array(65).fill(0), ended: [] })),
      deep: deflateRawSync('['.repeat(1_000_000)),
      counters: deflateRawSync(
        JSON.stringify({ revision: 1, counters: Array(65).fill('a'), rows: [], ended: [] }),
      ),
      noise: Buffer.from('noise'),
    }

    for (const [what, bytes] of Object.entries(refused))
      assert.throws(() => decodePart(bytes, { writtenAt: 0 }), Error, what)
    assert.ok(refused.bomb.length < MAX_PART_BYTES / 100)
  })
})

describe('Names in a fleet', () => {
  it('are ours, or are passed over', () => {
    for (const name of [
      '',
      '~',
      `${MID}~`,
      `${MID}~${LIFE}~${LIFE}`,
      `../${MID}~${LIFE}`,
      `${MID}-0~${LIFE}`,
    ]) {
      assert.equal(parseLife(name), undefined, name)
    }
    assert.deepEqual(parseLife(`${MID}-2~${LIFE}`), { mid: `${MID}-2`, life: LIFE })
    for (const name of [`${LIFE}-1`, `${LIFE}-99`, `${LIFE}-60001`, `${LIFE}-1e3`, 'x-1000', LIFE]) {
      assert.equal(viewerIntervalMs(name), undefined, name)
    }
    assert.equal(viewerIntervalMs(`${LIFE}-100`), 100)
  })

  it('are as many as a viewer can follow, those first that are connected', () => {
    const names = Array.from({ length: 200_000 }, (_, i) => i.toString(16).padStart(16, '0'))

    const listed = listedOf(['../x', ...names, MID], (id) => id === MID)

    assert.equal(listed[0], MID)
    assert.equal(listed.length, 10_000)
  })
})

describe('A fleet that others write into', () => {
  let store: Store
  let url: string

  beforeEach('a machine that is well', async () => {
    url = `local:${pathJoin(tempDir(), 'fleet')}`
    open({ baseDir: tempDir(), workerId: 'w' }).update('well')
    const board = open({ baseDir: tempDir(), workerId: 'w' })
    board.update('well')
    await join(url, { boards: [board], name: 'well' })
    store = await openStore(url, {})
  })
  afterEach(() => store.close())

  /** A machine that is connected and says so; `data` of its parts. */
  async function add(
    mid: string,
    data: Uint8Array,
    parts: readonly [number, Uint8Array][] = [],
  ): Promise<void> {
    await store.create(`machines/${mid}~${LIFE}`, Buffer.alloc(0), { ephemeral: true })
    await store.create(`parts/${mid}~${LIFE}`, Buffer.alloc(0))
    for (const [number, bytes] of parts) await store.create(partPath(mid, LIFE, 0, number), bytes)
    await store.create(memberPath(mid), data)
  }

  it('shows what is wrong with a machine, and all others as they are', async () => {
    const named = (name: string) => encodeMember({ ...record, name })
    await add('0'.repeat(16), Buffer.from('{"name":'))
    await add('1'.repeat(16), named('bomb'), [[0, deflateRawSync(Buffer.alloc(64 * 1024 * 1024))]])
    await add('2'.repeat(16), named('half'), [
      [0, part()],
      [1, Buffer.from('noise')],
    ])
    await add('3'.repeat(16), named('hollow'))
    await store.create('members/no member', Buffer.alloc(0))
    await store.create('viewers/everybody', Buffer.alloc(0))
    await store.create('machines/nothing', Buffer.alloc(0))

    const { machines } = await (await look(url)).snapshot()

    const facts = machines.map(({ name, error, workers }) => [name, error?.code, workers.length])
    assert.deepEqual(facts, [
      ['0000000000000000', 'BAD_RECORD', 0],
      ['bomb', 'BAD_PART', 0],
      ['half', 'BAD_PART', 1],
      ['hollow', undefined, 0],
      ['well', undefined, 1],
    ])
  })

  it('keeps what was known of a machine that writes nonsense, and follows it when it is well again', async () => {
    await add(MID, encodeMember({ ...record, boards: [{ ...record.boards[0]!, parts: [[0, 1]] }] }), [
      [0, part()],
    ])
    const fleet = await look(url)
    assert.equal((await machine(fleet, 'm')).workers.length, 1)

    await store.set(memberPath(MID), Buffer.from('nonsense'), ANY_VERSION)
    const bad = await machine(fleet, 'm', ({ error }) => error !== undefined)
    await store.set(memberPath(MID), encodeMember({ ...record, host: 'well' }), ANY_VERSION)

    assert.equal(bad.error!.code, 'BAD_RECORD')
    assert.equal(bad.workers.length, 1)
    await machine(fleet, 'm', ({ error, host }) => error === undefined && host === 'well')
  })

  it('keeps of one machine no more than it may', async () => {
    const long = 'x'.repeat(4096)
    const [row] = JSON.parse(inflateRawSync(part()).toString()).rows
    const rows = Array.from({ length: 64 }, (_, slot) => {
      const wide = [...row]
      wide[0] = slot
      wide[15] = 1
      wide[16] = long.repeat(6).slice(0, 24_000)
      return wide
    })
    const fat = deflateRawSync(JSON.stringify({ revision: 1, counters: ['done'], rows, ended: [] }))
    const parts = Array.from({ length: 48 }, (_, number) => [number, 1] as const)
    const board = { ...record.boards[0]!, parts }
    await add(
      MID,
      encodeMember({ ...record, name: 'fat', boards: [board] }),
      parts.map(([number]) => [number, fat]),
    )

    const { machines } = await (await look(url)).snapshot()

    const [greedy, well] = machines
    assert.equal(greedy!.error?.code, 'TOO_MUCH')
    assert.ok(greedy!.workers.length < 48 * 64)
    assert.equal(well!.workers.length, 1)
  })
})
