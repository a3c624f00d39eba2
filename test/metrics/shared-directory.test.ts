// The metrics of a directory that an exporter of another user reads, as a sidecar does, started in any order.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { Counter, Registry } from 'prom-client'
import { clusterMetrics, publishMetrics } from '../../lib'
import { NOBODY, onlyAsRoot, otherUser, SOMEBODY } from '../support/other-user'
import { tempDir } from '../support/temp-dir'

const NO_BOARD = { code: 'ERR_NOT_A_BOARD', message: /there is no board yet; a worker makes it/ }

function sharedDir(bits: number): string {
  const directory = tempDir()
  fs.chmodSync(directory, bits)
  return directory
}

/** A publication of this process, of so many jobs. */
async function publish(baseDir: string, jobs: number, mode?: number) {
  const registry = new Registry()
  new Counter({ name: 'jobs', help: 'Jobs', registers: [registry] }).inc(jobs)
  const publication = publishMetrics(registry, { baseDir, mode })
  await publication.publish()
  return publication
}

describe('An exporter that only reads', () => {
  it('says that there is no board yet, and makes none, wherever there is none', async () => {
    const above = tempDir()
    const places = [above, path.join(above, 'metrics'), path.join(above, 'not', 'there')]

    for (const baseDir of places) await assert.rejects(clusterMetrics({ baseDir, readOnly: true }), NO_BOARD)

    assert.deepEqual(fs.readdirSync(above), [])
    const publication = await publish(places[1]!, 7)
    assert.match(await clusterMetrics({ baseDir: places[1]!, readOnly: true }), /^jobs 7$/m)
    await publication.close()
  })

  it('tells of those that have gone, and leaves their files and slots to who may write', async () => {
    const baseDir = tempDir()
    await (await publish(baseDir, 7)).close()
    const before = fs.readdirSync(baseDir).sort()

    for (let scrape = 0; scrape < 2; scrape++) {
      assert.match(await clusterMetrics({ baseDir, readOnly: true }), /^jobs 7$/m)
      assert.deepEqual(fs.readdirSync(baseDir).sort(), before)
    }

    assert.match(await clusterMetrics({ baseDir }), /^jobs 7$/m)
    assert.notDeepEqual(fs.readdirSync(baseDir).sort(), before)
    assert.match(await clusterMetrics({ baseDir, readOnly: true }), /^jobs 7$/m)
  })

  it('is told of an option that it does not know, and of a mode that is none', async () => {
    const options = { baseDir: tempDir() }

    await assert.rejects(clusterMetrics({ ...options, readonly: true } as never), /did you mean 'readOnly'/)
    await assert.rejects(clusterMetrics({ ...options, mode: 0o1777 }), RangeError)
    assert.throws(() => publishMetrics(new Registry(), { ...options, mode: 0o111 }), RangeError)
  })
})

describe('An exporter of another user', function () {
  onlyAsRoot()
  this.timeout(60_000)

  it('that comes first does not disturb the start of the workers, and serves them then', async () => {
    const baseDir = sharedDir(0o777)
    const [exporter, worker] = await Promise.all([otherUser(SOMEBODY), otherUser(NOBODY)])
    const scrape = () => exporter!.ask<string>({ what: 'cluster', options: { baseDir, readOnly: true } })

    const early = await scrape()
    const published = await worker!.ask({ what: 'publish', options: { baseDir, mode: 0o666 }, args: [3] })
    const late = await scrape()

    assert.equal(early.code, NO_BOARD.code)
    assert.deepEqual(published, { value: undefined })
    assert.match(late.value!, /^jobs 3$/m)
  })

  it('reads what root, the workers and the gone have published in a volume that all may write to', async () => {
    const baseDir = sharedDir(0o777)
    const [exporter, worker] = await Promise.all([otherUser(SOMEBODY), otherUser(NOBODY)])
    await worker!.ask({ what: 'publish', options: { baseDir, mode: 0o666 }, args: [3] })
    await (await publish(baseDir, 4, 0o666)).close()

    for (const readOnly of [true, false, true]) {
      const options = { baseDir, mode: 0o666, readOnly }
      const { value, message } = await exporter!.ask<string>({ what: 'cluster', options })
      assert.match(value ?? message!, /^jobs 7$/m)
      assert.match(await clusterMetrics(options), /^jobs 7$/m)
    }
  })

  it('may be let read, and no more', async () => {
    const baseDir = path.join(sharedDir(0o755), 'metrics')
    const exporter = await otherUser(SOMEBODY)
    const publication = await publish(baseDir, 5, 0o644)

    const reads = await exporter.ask<string>({ what: 'cluster', options: { baseDir, readOnly: true } })
    const writes = await exporter.ask<string>({ what: 'cluster', options: { baseDir } })

    assert.match(reads.value!, /^jobs 5$/m)
    assert.match(writes.value!, /^jobs 5$/m)
    await publication.close()
    const after = await exporter.ask<string>({ what: 'cluster', options: { baseDir, readOnly: true } })
    assert.match(after.value!, /^jobs 5$/m)
  })

  it('reads a volume that is mounted for reading only', async function () {
    const baseDir = sharedDir(0o777)
    const mounted = sharedDir(0o755)
    const mount = (...args: string[]) => spawnSync('mount', args).status === 0
    if (!mount('--bind', baseDir, mounted)) this.skip()
    try {
      assert.ok(mount('-o', 'remount,bind,ro', mounted))
      const options = { baseDir: mounted, readOnly: true }
      await assert.rejects(clusterMetrics(options), NO_BOARD)
      await (await publish(baseDir, 6, 0o666)).close()

      const exporter = await otherUser(SOMEBODY)
      const { value } = await exporter.ask<string>({ what: 'cluster', options })

      assert.match(value!, /^jobs 6$/m)
      assert.match(await clusterMetrics(options), /^jobs 6$/m)
    } finally {
      spawnSync('umount', [mounted])
    }
  })
})
