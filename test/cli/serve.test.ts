// rollcall serve: the status page as a command.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { Scoreboard, WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { type RunningCli, runCli, startCli, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { ask, EventStream, listen, type Reply } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

describe('rollcall serve', () => {
  let baseDir: string

  beforeEach(() => {
    baseDir = join(tempDir(), 'shop')
    open({ baseDir, workerId: 'web-1' }).update('works')
  })

  async function serve(
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<RunningCli & { port: number }> {
    const cli = startCli(['serve', '--port', '0', ...args, baseDir], env)
    await cli.says(/:(\d+)[/"]/)
    return Object.assign(cli, { port: Number(/:(\d+)[/"]/.exec(cli.stdout)![1]) })
  }

  it('explains itself, with an example', async () => {
    const { code, stdout } = await runCli(['serve', '--help'])

    assert.equal(code, 0)
    assert.match(stdout, /Examples?:\n {2}\$ rollcall serve/)
    assert.match(stdout, /\(default\s+9670\)/)
  })

  it('serves the page until Ctrl-C, pages open or not', async () => {
    const cli = await serve()
    const page = await ask(cli.port)
    const nothing = await ask(cli.port, { path: '/favicon.ico' })
    const stream = await EventStream.open(cli.port, () => {})
    cli.child.kill('SIGINT')

    const { code, signal, stdout, stderr } = await cli.ended()
    await stream.ended

    assert.match(page.body, /<h1>shop<\/h1>[\s\S]*web-1/)
    assert.equal(nothing.status, 404)
    assert.deepEqual([code, signal, stderr], [0, null, ''])
    assert.equal(stdout, `serving http://127.0.0.1:${cli.port}/\n`)
  })

  it('answers at the path where scrapers of Apache look, with the token as a Basic password', async () => {
    const cli = await serve([], { ROLLCALL_TOKEN: 'open-sesame' })
    const path = '/server-status?auto'
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`munin:${password}`).toString('base64')}`,
    })

    const without = await ask(cli.port, { path })
    const wrong = await ask(cli.port, { path, headers: basic('open') })
    const right = await ask(cli.port, { path, headers: basic('open-sesame') })

    assert.deepEqual([without.status, wrong.status, right.status], [401, 401, 200])
    assert.match(String(without.headers['www-authenticate']), /Basic realm=/)
    assert.match(right.body, /^Total Accesses: 0$/m)
  })

  it('waits for a board that is not there yet, and survives one that is deleted', async () => {
    const later = join(tempDir(), 'later')
    const without = await runCli(['serve', '--port', '0', later])
    const cli = startCli(['serve', '--port', '0', '--wait', later])
    await cli.says(/:(\d+)\//)
    const port = Number(/:(\d+)\//.exec(cli.stdout)![1])
    const before = await ask(port)

    const first = new Scoreboard({ baseDir: later, workerId: 'first' })
    first.update('works')
    const sees = (id: string) => async () => (await ask(port)).body.includes(`>${id}<`)
    await eventually(sees('first'), 'the board that came')
    rmSync(later, { recursive: true })
    first.close()
    const second = new Scoreboard({ baseDir: later, workerId: 'second' })
    second.update('works')
    await eventually(sees('second'), 'the board that took its place')
    second.close()

    assert.equal(without.code, 66)
    assert.deepEqual([before.status, before.headers.connection], [503, 'close'])
    assert.match(before.body, /no board yet/)
  })

  it('frees the slots of the dead after a while, where that is asked for', async () => {
    const worker = await startWorker(baseDir, 'dies', 'last words')
    await worker.killed()
    const shows = async ({ port }: { port: number }) => (await ask(port, { path: '/?json' })).body
    const only = await serve()
    const spares = await serve(['--cleanup'])
    const before = [await shows(only), await shows(spares)].map((body) => JSON.parse(body).counts.dead)
    const cleans = await serve(['--cleanup-after', '100ms'])

    await eventually(async () => JSON.parse(await shows(cleans)).counts.dead === 0, 'the slot to be free')
    const { counts, workers } = JSON.parse(await shows(only))

    assert.deepEqual(before, [1, 1])
    assert.deepEqual([counts.dead, workers.map(({ id }: { id: string }) => id)], [0, ['web-1']])
  })

  it('tells programs where it listens', async () => {
    const cli = await serve(['--json', '--host', 'localhost', '--title', 'Till'])

    const said = JSON.parse(cli.stdout)

    assert.deepEqual(said, { url: `http://localhost:${cli.port}/`, port: cli.port, pid: cli.child.pid })
    assert.match((await fetch(said.url)).headers.get('content-type')!, /text\/html/)
    cli.child.kill('SIGTERM')
    assert.equal((await cli.ended()).code, 143)
  })

  it('asks for the token of its environment', async () => {
    const cli = await serve([], { ROLLCALL_TOKEN: 'sesame' })

    assert.equal((await ask(cli.port)).status, 401)
    assert.equal((await ask(cli.port, { headers: { authorization: 'Bearer sesame' } })).status, 200)
    assert.doesNotMatch(cli.stdout + cli.stderr, /sesame/)
    // What was meant to make a token has failed: nobody must take that for 'no token'.
    const empty = await runCli(['serve', '--port', '0', baseDir], { ROLLCALL_TOKEN: '' })
    assert.equal(empty.code, 64)
  })

  it('lets in whom --allow and --name name', async () => {
    const cli = await serve(['--allow', '127.0.0.2', '--allow', '127.0.1.0/24', '--name', 'status.example'])

    assert.equal((await ask(cli.port, { localAddress: '127.0.0.1' })).status, 403)
    assert.equal((await ask(cli.port, { localAddress: '127.0.1.9' })).status, 200)
    assert.equal(
      (await ask(cli.port, { localAddress: '127.0.0.2', headers: { host: 'status.example' } })).status,
      200,
    )
  })

  it('shows several queues', async () => {
    const urls = [join(tempDir(), 'jobs-1'), join(tempDir(), 'jobs-2')]
    for (const url of urls) {
      const queue = await WatchdogQueue.connect(url)
      await queue.createQueue({ queue: ['a', 'b'] })
      await queue.close()
    }
    const cli = await serve(urls.flatMap((url) => ['--queue', url]))

    const { body } = await ask(cli.port)

    for (const url of urls) assert.ok(body.includes(`<h3>${url}</h3>`))
    assert.equal([...body.matchAll(/<b>2<\/b> items/g)].length, 2)
    cli.child.kill('SIGINT')
    assert.equal((await cli.ended()).code, 0)
  })

  it('goes on with the board that takes the place of its own', async () => {
    const cli = await serve()
    assert.match((await ask(cli.port)).body, /web-1/)

    rmSync(baseDir, { recursive: true })
    const gone = (await eventually(async () => {
      const reply = await ask(cli.port)
      return reply.status === 503 && reply
    }, 'the board to be gone')) as Reply
    using next = new Scoreboard({ baseDir, workerId: 'web-2' })
    next.update('new')

    await eventually(async () => /web-2/.test((await ask(cli.port)).body), 'the new board')
    assert.match(gone.body, /cannot be shown now/)
  })

  it('says what is wrong, and what to do', async () => {
    const { port } = await listen(() => {})
    const worker = await startWorker(baseDir, 'other', 'x')
    const cases: [args: string[], code: number, words: RegExp][] = [
      [
        ['--port', String(port)],
        75,
        /Cannot listen on 127\.0\.0\.1 port \d+: something listens there already; give another --port/,
      ],
      [['--port', '0', '--host', '192.0.2.1'], 64, /no address of this machine/],
      [['--port', '70000'], 64, /whole number from 0 to 65535/],
      [['--port', '0', '--allow', 'everybody'], 64, /Expected --allow to hold addresses/],
      [['--port', '0', '--queue', 'zk://'], 64, /zk:/],
    ]

    const runs = await Promise.all(cases.map(([args]) => runCli(['serve', ...args, baseDir])))
    for (const [i, [args, code, words]] of cases.entries()) {
      const ended = runs[i]!
      assert.equal(ended.code, code, `${args}: ${ended.stderr}`)
      assert.match(ended.stderr, words)
      assert.equal(ended.stdout, '')
    }
    const missing = await runCli(['serve', '--port', '0', join(baseDir, 'nowhere')])
    assert.equal(missing.code, 66)
    await worker.killed()
  })
})
