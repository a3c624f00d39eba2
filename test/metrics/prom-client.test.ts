// The metrics of prom-client registries through a board, with workers and readers killed.

import assert from 'node:assert/strict'
import parse from 'parse-prometheus-text-format'
import { Registry } from 'prom-client'
import { clusterMetrics, publishMetrics } from '../../lib'
import { type Child, startReady } from '../support/child'
import { tempDir } from '../support/temp-dir'

async function scrape(baseDir: string) {
  const families = parse(await clusterMetrics({ baseDir }))
  const metric = (name: string) => families.find((family) => family.name === name)?.metrics[0]
  const value = (name: string) => Number(metric(name)?.value ?? 0)
  return { done: value('jobs_done'), busy: value('busy'), most: value('most'), took: metric('took') }
}

async function startWorkers(baseDir: string, count: number): Promise<Child[]> {
  return Promise.all(Array.from({ length: count }, () => startReady('prom-worker', baseDir)))
}

describe('The bridge to prom-client', () => {
  it('adds up the metrics of all workers, each by its aggregator', async () => {
    const baseDir = tempDir()
    const workers = await startWorkers(baseDir, 2)
    await workers[0]!.ask(5)
    await workers[1]!.ask(20)

    const { done, busy, most, took } = await scrape(baseDir)

    assert.deepEqual([done, busy, most], [25, 25, 20])
    assert.deepEqual(
      [took?.count, took?.sum, took?.buckets],
      ['2', '25', { '1': '0', '10': '1', '+Inf': '2' }],
    )
    assert.match(
      await clusterMetrics({ baseDir, format: 'openmetrics' }),
      /jobs_done_total\{kind="a"\} 25\n[\s\S]*# EOF\n$/,
    )
  })

  it('answers although a worker hangs, with what that one had published', async () => {
    const baseDir = tempDir()
    const workers = await startWorkers(baseDir, 2)
    await workers[0]!.ask(5)
    await workers[1]!.ask(20)
    await workers[0]!.ask('hang')

    const { done, busy } = await scrape(baseDir)

    assert.deepEqual([done, busy], [25, 25])
  })

  it('keeps what only grows of those that died, left or exited, and forgets their gauges', async () => {
    const baseDir = tempDir()
    const [killed, closed, exited, living] = await startWorkers(baseDir, 4)
    for (const worker of [killed!, closed!, exited!, living!]) await worker.ask(5)
    await killed!.killed()
    closed!.process.send('close')
    exited!.process.send('exit')
    assert.deepEqual([(await closed!.exited).code, (await exited!.exited).code], [0, 0])

    for (let i = 0; i < 3; i++) {
      const { done, busy, most, took } = await scrape(baseDir)
      assert.deepEqual([done, busy, most, took?.count], [21, 5, 5, '4'])
    }
  })

  it('counts nobody twice and forgets nobody, while processes that retain the dead are killed', async () => {
    const baseDir = tempDir()
    let expected = 0
    for (let round = 0; round < 6; round++) {
      const workers = await startWorkers(baseDir, 2)
      for (const worker of workers) await worker.ask(1)
      expected += workers.length
      const folders = await Promise.all([1, 2].map(() => startReady('prom-folder', baseDir)))
      await Promise.all(workers.map((worker) => worker.killed()))
      await Promise.all(folders.map((folder) => folder.killed()))

      assert.equal((await scrape(baseDir)).done, expected)
      assert.equal((await scrape(baseDir)).done, expected)
    }
  })

  it('refuses what is no registry, and no interval', () => {
    const baseDir = tempDir()

    assert.throws(() => publishMetrics({} as Registry, { baseDir }), /Expected a registry of prom-client/)
    assert.throws(() => publishMetrics(new Registry(), { baseDir, intervalMs: 1 }), RangeError)
  })

  it('tells of a collector that throws, and publishes all the same when it does not', async () => {
    const baseDir = tempDir()
    let isBad = true
    const registry = {
      getMetricsAsJSON: async () => {
        if (isBad) throw new Error('no metrics today')
        return []
      },
    }
    const errors: string[] = []
    const publication = publishMetrics(registry, {
      baseDir,
      onError: ({ message }) => void errors.push(message),
    })

    await assert.rejects(publication.publish(), /no metrics today/)
    isBad = false
    await publication.publish()
    await publication.close()

    assert.deepEqual(errors, ['no metrics today'])
    assert.equal(await clusterMetrics({ baseDir }), '\n')
  })
})
