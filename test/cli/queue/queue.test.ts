// The command line of a queue, as a shell script or a batch scheduler uses it.

import assert from 'node:assert/strict'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultId, parseExpect } from '../../../lib/cli/parse/queue-flags'
import { type Ended, type RunningCli, startCli } from '../../support/cli'
import { eventually } from '../../support/eventually'
import { connect, describeZookeeper, uniqueUrl } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

function start(url: string, args: string[], env: NodeJS.ProcessEnv = {}): RunningCli {
  return startCli(args, { ROLLCALL_QUEUE: url, ...env })
}

function run(url: string, args: string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const running = start(url, args, env)
  running.child.stdin!.end(input)
  return running.ended()
}

describe('The arguments of queue verbs', () => {
  it("take Slurm's notation of array jobs", () => {
    assert.deepEqual(parseExpect('0-3%2'), ['0', '1', '2', '3'])
    assert.deepEqual(parseExpect('1,3,7-9'), ['1', '3', '7', '8', '9'])
    assert.deepEqual(parseExpect('0-8:4'), ['0', '4', '8'])
    assert.deepEqual(parseExpect('a,b'), ['a', 'b'])
    assert.equal(parseExpect('12'), 12)
    assert.throws(() => parseExpect('9-1'), /no range that counts up/)
    assert.throws(() => parseExpect('1,,2'), /Expected ids/)
  })

  it('take the id from the array job, of whatever scheduler', () => {
    assert.equal(defaultId({ SLURM_ARRAY_JOB_ID: '77', SLURM_ARRAY_TASK_ID: '5' }), '5')
    assert.equal(defaultId({ PBS_ARRAYID: '6' }), '6')
    assert.equal(defaultId({ PBS_ARRAY_INDEX: '7' }), '7')
    assert.equal(defaultId({ SGE_TASK_ID: '8' }), '8')
    assert.equal(defaultId({ LSB_JOBINDEX: '9' }), '9')
    assert.match(defaultId({ SGE_TASK_ID: 'undefined', LSB_JOBINDEX: '0' }), new RegExp(`\\.${process.pid}$`))
  })
})

describe('rollcall queue, on this machine', () => {
  const create = (url: string, ...args: string[]) => run(url, ['queue', 'create', ...args], 'b\na\n')

  it('orders, delays, names and lists items, and prints results', async () => {
    const url = join(tempDir(), 'queue')
    assert.equal((await create(url, '--unsealed', '--backoff', '1s', '--results')).code, 0)
    assert.equal((await run(url, ['queue', 'add', '--priority', '9', '--unique'], 'top\n')).code, 0)
    assert.equal((await run(url, ['queue', 'add', '--unique'], 'top\n')).code, 0)
    assert.equal((await run(url, ['queue', 'add', '--delay', '1h'], 'late\n')).code, 0)

    const items = (await run(url, ['queue', 'items'])).stdout
    const rows = items
      .trim()
      .split('\n')
      .map((line) => line.split('\t').slice(1, 3))
    assert.deepEqual(rows, [
      ['ready', 'top'],
      ['ready', 'b'],
      ['ready', 'a'],
      ['delayed', 'late'],
    ])
    assert.match(items, /late\tnot before 20\d\d-/)
    const [late] = (
      await run(url, ['queue', 'items', '--state', 'delayed', '--limit', '1', '--json'])
    ).stdout.split('\n')
    assert.equal(JSON.parse(late!).item, 'late')
    const queue = await connect(url)
    await (await (await queue.createTimer('w')).lease())!.ack({ x: 1 })
    const result = JSON.parse((await run(url, ['queue', 'results'])).stdout)
    assert.deepEqual([result.item, result.result], ['top', { x: 1 }])
    assert.equal((await create(url, '--backoff', '0s')).code, 64)
  })

  it('waits for a queue that comes after another, and answers 1 when that has dead items', async () => {
    const [first, second] = [join(tempDir(), 'first'), join(tempDir(), 'second')]
    assert.equal((await create(first, '--attempts', '1')).code, 0)
    assert.equal((await create(second, '--after', first)).code, 0)
    assert.equal((await run(second, ['queue', 'consume'])).code, 4)
    const queue = await connect(first)
    await (await queue.createTimer('w')).run(async ({ item }) => {
      if (item === 'a') throw new Error('no')
    })

    const { code, stdout } = await run(second, ['queue', 'wait', '--items', '--timeout', '60s'])

    assert.equal(code, 1)
    assert.match(stdout, /^blocked: items are dead in local:.*first/)
  })
})

describeZookeeper('rollcall queue', () => {
  it('makes, counts, consumes and ends a queue', async () => {
    const url = await uniqueUrl()

    assert.equal((await run(url, ['queue', 'create', '--open', '--timer', '60s'], 'one\ntwo\n')).code, 0)
    assert.equal((await run(url, ['queue', 'create'], 'x\n')).code, 73)
    assert.equal((await run(url, ['queue', 'add', '-0'], 'three\0')).code, 0)
    assert.equal((await run(url, ['queue', 'count'])).stdout, '3\n')
    const items = [
      (await run(url, ['queue', 'consume'])).stdout,
      `${JSON.parse((await run(url, ['queue', 'consume', '--json'])).stdout)}\n`,
      (await run(url, ['queue', 'consume'])).stdout,
    ]
    assert.deepEqual(items.sort(), ['one\n', 'three\n', 'two\n'])
    assert.deepEqual((await run(url, ['queue', 'consume'])).code, 4)
    assert.equal((await run(url, ['queue', 'seal'])).code, 0)
    assert.deepEqual((await run(url, ['queue', 'consume'])).code, 5)
    const status = JSON.parse((await run(url, ['queue', 'status', '--json'])).stdout)
    assert.deepEqual(status.items, {
      total: 3,
      ready: 0,
      delayed: 0,
      leased: 0,
      done: 3,
      dead: 0,
      failed: 0,
      retried: 0,
    })
    assert.equal((await run(url, ['queue', 'destroy'])).code, 0)
    assert.equal((await run(url, ['queue', 'count'])).code, 66)
  })

  it('exits with the codes it promises', async () => {
    const url = await uniqueUrl()
    const { code, stderr } = await run('', ['queue', 'count'], '', { ROLLCALL_QUEUE: undefined })
    assert.deepEqual([code, /--queue <url> or set ROLLCALL_QUEUE/.test(stderr)], [64, true])
    assert.equal((await run(url, ['queue', 'count', '--wait-queue', '50ms'])).code, 66)
    assert.equal((await run('zk://127.0.0.1:1/q', ['queue', 'count', '--connect-timeout', '300ms'])).code, 69)
    assert.equal((await run('nonsense://x', ['queue', 'count'])).code, 64)
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'], syncStart: true, maxAttempts: 1, timerMs: 400 })
    assert.equal((await run(url, ['queue', 'wait-sync', '--timeout', '50ms'])).code, 2)
    assert.equal((await run(url, ['queue', 'wait', '--timeout', '50ms'])).code, 2)
    const timer = await queue.createTimer('worker')
    assert.equal((await run(url, ['queue', 'wait-sync', '--timeout', '9s'])).code, 0)
    await (await timer.lease())!.nack('no')
    const hung = await run(url, ['queue', 'wait', '--timeout', '30s', '--json'])
    assert.deepEqual([hung.code, JSON.parse(hung.stdout).workers[0].state], [3, 'expired'])
    await timer.end()
    assert.equal((await run(url, ['queue', 'wait', '--timeout', '30s'])).code, 1)
    assert.match((await run(url, ['queue', 'dead'])).stdout, /1 attempts\ta\tno/)
    assert.match((await run(url, ['queue', 'timers'])).stdout, /worker\tfinished/)
  })

  it('is shown by top', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a', 'b'] })
    const timer = await queue.createTimer('w-1')
    await (await timer.lease())!.ack()

    const { code, stdout } = await run(url, ['queue', 'top', '--rounds', '1', '--json'])

    const { items, timers } = JSON.parse(stdout)
    assert.equal(code, 0)
    assert.deepEqual(items, {
      total: 2,
      ready: 1,
      delayed: 0,
      leased: 0,
      done: 1,
      dead: 0,
      failed: 0,
      retried: 0,
    })
    assert.deepEqual([timers[0].id, timers[0].state], ['w-1', 'alive'])
  })

  it('has help with an example on every verb', async () => {
    const verbs = [
      'create',
      'add',
      'seal',
      'count',
      'status',
      'timers',
      'consume',
      'wait-sync',
      'wait',
      'dead',
      'top',
      'destroy',
    ]
    const helps = await Promise.all(
      [...verbs.map((verb) => ['queue', verb]), ['run'], ['work']].map((verb) =>
        run('', [...verb, '--help']),
      ),
    )
    for (const { code, stdout } of helps) assert.ok(code === 0 && /Examples?:\n/.test(stdout), stdout)
  })
})

describeZookeeper('rollcall run', () => {
  it("gives the command's own code, and reports its end", async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ expect: ['0', '7', 'signal'] })

    assert.equal((await run(url, ['run', '--', 'true'], '', { SLURM_ARRAY_TASK_ID: '0' })).code, 0)
    assert.equal(
      (await run(url, ['run', '--', 'sh', '-c', 'exit 7'], '', { SLURM_ARRAY_TASK_ID: '7' })).code,
      7,
    )
    assert.equal((await run(url, ['run', '--id', 'signal', '--', 'sh', '-c', 'kill -9 $$'])).code, 137)
    assert.equal((await run(url, ['run', '--', 'no-such-command'])).code, 127)
    assert.equal((await run(url, ['run', '--', '/etc/passwd'])).code, 126)
    assert.equal(
      (await run('zk://127.0.0.1:1/q', ['run', '--connect-timeout', '200ms', '--', 'true'])).code,
      125,
    )

    const { workers } = await queue.waitDone({ workers: true, timeoutMs: 10_000 })
    assert.deepEqual(
      workers.slice(0, 3).map(({ id, state, code }) => [id, state, code]),
      [
        ['0', 'finished', 0],
        ['7', 'failed', 7],
        ['signal', 'failed', 137],
      ],
    )
  })

  it('passes signals on, kicks while the command lives, and leaves it no socket', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ timerMs: 2000 })
    const running = start(url, [
      'run',
      '--id',
      'one',
      '--kick-every',
      '50ms',
      '--',
      'sh',
      '-c',
      'trap "exit 5" TERM; echo pid $$; while :; do sleep 0.05; done',
    ])
    await running.says(/pid \d+/)
    const pid = /pid (\d+)/.exec(running.stdout)![1]

    const sockets = readdirSync(`/proc/${pid}/fd`).filter((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:'),
    )
    assert.ok(
      sockets.every((fd) => Number(fd) <= 2),
      `descriptors ${sockets}`,
    )
    let [kicks, lastMs] = [0, 0]
    await eventually(async () => {
      const [timer] = await queue.getTimers()
      if (timer!.ageMs! < lastMs) kicks++
      lastMs = timer!.ageMs!
      return kicks >= 3
    }, 'three kicks')
    running.child.kill('SIGTERM')

    assert.equal((await running.ended()).code, 5)
  })

  it('lets a silent command expire when output is what counts', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ timerMs: 300 })
    const running = start(url, [
      'run',
      '--id',
      'one',
      '--kick-on-output',
      '--',
      'sh',
      '-c',
      'echo begun; sleep 60',
    ])
    await running.says(/begun/)

    await eventually(async () => (await queue.checkTimers()).expired === 1, 'the expiry')
    running.child.kill('SIGTERM')

    assert.equal((await running.ended()).code, 143)
  })
})

describeZookeeper('rollcall work', () => {
  it('runs a command for every item, N at a time, without a shell', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    const items = ['plain', 'with space', '$HOME; rm -rf x', '{}']
    await queue.createQueue({ queue: items })

    const { code, stdout } = await run(url, ['work', '-j', '3', '--', 'printf', '[%s]\\n', 'item={}'])

    assert.equal(code, 0)
    assert.deepEqual(stdout.trim().split('\n').sort(), items.map((item) => `[item=${item}]`).sort())
    assert.equal((await queue.waitDone({ workers: true, timeoutMs: 5000 })).ok, true)
  })

  it('tries again, tells the command what it works on, and says when items are dead', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['good', 'bad'], maxAttempts: 2 })
    const script = join(tempDir(), 'job.sh')
    writeFileSync(script, 'echo "$ROLLCALL_ITEM $1 $ROLLCALL_ATTEMPT"; test "$1" = good\n')

    const { code, stdout } = await run(url, ['work', '--json', '--', 'sh', script])

    assert.equal(code, 1)
    const lines = stdout.trim().split('\n')
    assert.deepEqual(JSON.parse(lines.pop()!), { done: 1, failed: 2 })
    // Of an item that is tried again, the last attempt alone is shown.
    assert.deepEqual(lines.sort(), ['bad bad 2', 'good good 1'])
  })

  it('gives back what it holds when it is interrupted', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'] })
    const running = start(url, ['work', '--line-buffer', '--', 'sh', '-c', 'echo begun; exec sleep 60'])
    await running.says(/begun/)

    running.child.kill('SIGTERM')

    assert.equal((await running.ended()).code, 143)
    assert.deepEqual(await queue.counts(), {
      total: 1,
      ready: 1,
      delayed: 0,
      leased: 0,
      done: 0,
      dead: 0,
      failed: 0,
      retried: 0,
    })
  })
})
