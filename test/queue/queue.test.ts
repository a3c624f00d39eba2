// The queue as its users know it: the master's side, the worker's side, and the ancestor's scenario.

import assert from 'node:assert/strict'
import { WatchdogQueue } from '../../lib'
import { connect, describeZookeeper, sharedServer, uniqueUrl } from '../support/queue'

describeZookeeper('A watchdog queue', () => {
  it('hands its session over to another handle', async () => {
    const url = await uniqueUrl()
    const first = await connect(url)
    const { session } = first
    await first.createQueue({ queue: ['a'] })
    await first.createTimer('worker')

    const second = await connect(url, { session })

    assert.equal(second.session!.id, session!.id)
    assert.deepEqual((await second.checkTimers()).alive, 1)
  })

  it('shows its nodes for looking', async () => {
    const queue = await connect(await uniqueUrl())
    assert.equal(await queue.exists('/zookeeper'), true)
    assert.equal(await queue.exists(''), false)
    await queue.createQueue({ queue: ['a'] })

    const root = await queue.node('')

    assert.equal(JSON.parse(root!.data.toString()).format, 'rollcall-queue')
    assert.equal(root!.children.length, 1)
  })

  it('is refused what is misuse, by name', async () => {
    const queue = await connect<never>(await uniqueUrl())
    const misuse: [() => unknown, RegExp][] = [
      [() => queue.createQueue({ timerMS: 5 } as object), /Unknown option 'timerMS'.*did you mean 'timerMs'/],
      [() => queue.createQueue({ timerMs: 0 }), /'timerMs' to be an integer from 1/],
      [() => queue.createQueue({ queue: 'abc' as never }), /'queue' to be a list/],
      [() => queue.createQueue({ onExpire: 'kill' as never }), /'onExpire' to be 'report' or 'requeue'/],
      [() => queue.createTimer(''), /1 to 1024 bytes/],
      [() => queue.createTimer('a\0b'), /without NUL/],
      [() => queue.createTimer(7 as never), /to be a string/],
      [() => queue.waitStarted({} as never), /'count'/],
      [() => WatchdogQueue.connect('zk://'), /no host is named/],
      [() => WatchdogQueue.connect('zk://a:99999/x'), /port 99999/],
      [() => WatchdogQueue.connect('zk://host:2181'), /path is missing/],
      [() => WatchdogQueue.connect('zk://host:2181/a//b'), /empty name/],
      [() => WatchdogQueue.connect('http://host/x'), /Expected a URL like/],
      [
        () => WatchdogQueue.connect('zk://h/x', { auth: { scheme: 'digest', secret: 'nocolon' } }),
        /'user:password'/,
      ],
    ]
    for (const [call, message] of misuse) {
      await assert.rejects(
        async () => call(),
        (error: Error) => {
          assert.ok(error instanceof TypeError || error instanceof RangeError, String(error))
          assert.match(error.message, message)
          return true
        },
      )
    }
  })

  it('leaves foreign neighbours alone, and refuses a foreign root', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'] })
    const parent = url.slice(0, url.lastIndexOf('/'))
    const above = await connect(parent)
    const sibling = await connect(`${parent}/other`)
    await sibling.createQueue({ queue: ['b'] })

    await assert.rejects(above.createQueue({ ifExists: 'replace' }), { code: 'ERR_EXISTS' })
    await assert.rejects(above.destroy(), { code: 'ERR_UNSUPPORTED' })
    await assert.rejects(above.attachQueue(), { code: 'ERR_UNSUPPORTED' })
    await queue.destroy()

    assert.equal(await queue.exists(''), false)
    assert.equal(await sibling.queueCount(), 1)
    assert.equal((await sharedServer()).servers.length, 1)
  })
})
