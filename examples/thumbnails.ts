// The job that people write with a job queue: thumbnails of uploaded pictures. A server adds jobs, workers make them, two
// at a time each; a failure is tried again after a pause, a hung attempt is given up; what came of each job is kept;
// failed ones are looked at and tried again; Ctrl-C lets what runs end.
//
//   node dist/examples/thumbnails.js add cat.jpg dog.jpg broken.jpg       jobs; 'broken' fails at first
//   node dist/examples/thumbnails.js work                                 as often as you like, until Ctrl-C
//   node dist/examples/thumbnails.js results
//   node dist/examples/thumbnails.js failed | retry
//
// THUMBNAILS=zk://host:2181/thumbnails for workers on many machines; nothing else changes.

import { setTimeout as delay } from 'node:timers/promises'
import { WatchdogQueue } from '../lib'

interface Job {
  file: string
  width: number
}

const URL = process.env.THUMBNAILS ?? '/tmp/thumbnails'

/** In place of a library for pictures. */
async function makeThumbnail({ file, width }: Job, attempt: number, signal: AbortSignal): Promise<string> {
  await delay(100, undefined, { signal })
  if (file.startsWith('broken') && attempt < 3) throw new Error(`${file} is no picture`)
  return `${file}-${width}.webp`
}

async function main([verb, ...files]: string[]): Promise<void> {
  await using queue = await WatchdogQueue.connect<Job>(URL)
  // There already, most of the time.
  await queue.createQueue({
    sealed: false,
    backoff: { delayMs: 200, maxDelayMs: 60_000 },
    results: true,
    timerMs: 30_000,
    onExpire: 'requeue',
    ifExists: 'attach',
  })
  if (verb === 'add') {
    const jobs = files.map((file) => ({ file, width: 320 }))
    console.log(await queue.add(jobs, { id: ({ file, width }) => `${file} ${width}` }))
  } else if (verb === 'work') await work(queue)
  else if (verb === 'results')
    for await (const { item, result } of queue.results()) console.log(item.file, result)
  else if (verb === 'failed')
    for await (const { item, error } of queue.deadLetters()) console.log(item.file, error?.message)
  else if (verb === 'retry') console.log(await queue.redrive(), 'again')
  else throw new Error('add FILE..., work, results, failed or retry?')
}

async function work(queue: WatchdogQueue<Job>): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  await using timer = await queue.createTimer(`worker-${process.pid}`)
  await timer.run(
    async ({ item, attempt, signal }) => {
      await timer.kick({ making: item.file })
      const thumbnail = await makeThumbnail(item, attempt, signal)
      console.log('made', thumbnail)
      return { thumbnail }
    },
    { concurrency: 2, timeoutMs: 60_000, signal: stop.signal, drainMs: 10_000 },
  )
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
