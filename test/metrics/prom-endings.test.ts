// Metrics of workers that are gone: whatever ended them, what they had published stays in the totals.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { Counter, Registry } from 'prom-client'
import { clusterMetrics, publishMetrics, Scoreboard } from '../../lib'
import { startReady } from '../support/child'
import { PROGRAMS } from '../support/paths'
import { fillUp, mountSmallDisk } from '../support/small-disk'
import { tempDir } from '../support/temp-dir'

function startThread(baseDir: string): Worker {
  const worker = new Worker(path.join(PROGRAMS, 'prom-thread.js'), { workerData: baseDir })
  worker.on('error', () => {})
  return worker
}

async function count(worker: Worker, jobs: number): Promise<void> {
  worker.postMessage(jobs)
  assert.deepEqual(await once(worker, 'message'), ['published'])
}

async function total(baseDir: string): Promise<number | undefined> {
  const [, value] = /^jobs_total (\d+)$/m.exec(await clusterMetrics({ baseDir })) ?? []
  return value === undefined ? undefined : Number(value)
}

describe('Metrics of workers that are gone', () => {
  const ENDINGS: [string, (worker: Worker) => void][] = [
    ['is terminated', (worker) => void worker.terminate()],
    ['throws', (worker) => worker.postMessage('throw')],
    ['exits', (worker) => worker.postMessage('exit')],
  ]
  for (const [what, end] of ENDINGS) {
    it(`stay in the totals when their thread ${what}`, async () => {
      const baseDir = tempDir()
      const worker = startThread(baseDir)
      await count(worker, 7)
      // Not by once(), which rejects at an 'error'.
      const exited = new Promise((resolve) => worker.on('exit', resolve))

      end(worker)
      await exited

      assert.deepEqual([await total(baseDir), await total(baseDir)], [7, 7])
    })
  }

  it('stay in the totals while a pool of threads ends and starts them again and again', async () => {
    const baseDir = tempDir()
    const filename = path.join(PROGRAMS, 'prom-task.js')
    const options = { filename, workerData: baseDir, idleTimeout: 1, maxThreads: 2, minThreads: 0 }
    let expected = 0
    let before = 0
    for (let round = 0; round < 4; round++) {
      const pool = new Piscina({ ...options, atomics: round % 2 === 0 ? 'sync' : 'disabled' })
      await Promise.all(Array.from({ length: 10 }, () => pool.run(undefined)))
      expected += 10
      // Also while its threads sleep in the kernel, where no timer of theirs runs.
      assert.equal(await total(baseDir), expected)
      await pool.destroy()
      const now = (await total(baseDir))!
      assert.ok(now >= before)
      before = now
    }

    assert.equal(await total(baseDir), expected)
  })

  it('are spared by whoever cleans the board up, or needs a slot on it', async () => {
    const baseDir = tempDir()
    {
      using _ = new Scoreboard({ baseDir, slots: 2 })
    }
    for (const jobs of [1, 2, 3, 4, 5]) {
      const worker = startThread(baseDir)
      await count(worker, jobs)
      await worker.terminate()
      using cleaner = new Scoreboard({ baseDir })
      assert.deepEqual(cleaner.cleanup().slots, 0)
      cleaner.readAll()
    }

    assert.equal(await total(baseDir), 15)
  })

  it('stay where they are when the disk is full; the scrape is served, and nothing is left behind', async function () {
    const baseDir = tempDir()
    if (!mountSmallDisk(baseDir, 'size=6m,mode=0700')) this.skip()
    try {
      const registry = new Registry()
      const jobs = new Counter({ name: 'jobs_total', help: 'x'.repeat(5000), registers: [registry] })
      jobs.inc(3)
      const publication = publishMetrics(registry, { baseDir, intervalMs: 3_600_000 })
      await publication.publish()
      fillUp(baseDir)
      jobs.inc(1)

      await assert.rejects(publication.close(), { code: 'ERR_OVERFLOW_WRITE' })

      const problems: string[] = []
      const onError = ({ message }: Error) => void problems.push(message)
      for (let i = 0; i < 3; i++) {
        assert.match(await clusterMetrics({ baseDir, onError }), /^jobs_total 3$/m)
      }
      assert.equal(problems.length, 1)
      assert.match(problems[0]!, /Cannot retain the metrics of the dead/)
      assert.deepEqual(leftovers(baseDir), [])
      fs.rmSync(path.join(baseDir, 'filler'))
      assert.equal(await total(baseDir), 3)
      using board = new Scoreboard({ baseDir, readOnly: true })
      assert.deepEqual(board.snapshot({ includeDead: true }).workers, [])
    } finally {
      execFileSync('umount', ['-l', baseDir])
    }
  })

  it('are removed from the directory where a writer was killed in the middle', async () => {
    const baseDir = tempDir()
    const worker = await startReady('prom-worker', baseDir)
    await worker.ask(5)
    await worker.killed()
    fs.writeFileSync(path.join(baseDir, 'retained.json.0123456789ab.tmp'), '{"boardId"')

    await clusterMetrics({ baseDir })

    assert.deepEqual(leftovers(baseDir), [])
  })
})

function leftovers(baseDir: string): string[] {
  return fs.readdirSync(baseDir).filter((name) => name.endsWith('.tmp'))
}
