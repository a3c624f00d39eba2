// What others wrote, on its way through the command line: onto a terminal, into a command, out of memory.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { type Scoreboard, statusHandler, WatchdogQueue } from '../../lib'
import { readItems } from '../../lib/cli/parse/items'
import { Encoding } from '../../lib/scoreboard/codec'
import { MAX_ITEM_BYTES } from '../../lib/util/bounds'
import { BoardBytes, RECORD } from '../support/board-file'
import { open } from '../support/boards'
import { type Ended, MAIN, runCli } from '../support/cli'
import { collect } from '../support/collect'
import { ask, listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

/** Clears the screen, writes the clipboard, turns text around, in 7 and in 8 bits. */
const EVIL = '\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\u202e\u2066'

function assertPlain({ stdout, stderr }: Ended, what: string): void {
  assert.doesNotMatch(stdout.replace(/[\n\t]/g, ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u, `stdout of ${what}`)
  assert.doesNotMatch(stderr.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u, `stderr of ${what}`)
}

async function queueOf(items: string[]): Promise<string> {
  const url = join(tempDir(), 'jobs')
  await using queue = await WatchdogQueue.connect(url)
  await queue.createQueue({ queue: items, maxAttempts: 1 })
  return url
}

describe('The command line, on what others wrote', () => {
  it('obeys no name of a neighbouring folder that it suggests', async () => {
    const root = tempDir()
    const evil = join(root, `app${EVIL}`)
    open({ baseDir: evil, workerId: 'w' })
    await using queue = await WatchdogQueue.connect(join(root, `jobs${EVIL}\nrollcall: all is well`))
    await queue.createQueue({ queue: ['a'] })

    const commands = [
      ['ls', root],
      ['ls', join(root, 'ap')],
      ['ls', join(root, `app${EVIL}`, 'queue')],
      ['queue', 'status', '--queue', join(root, 'jobs')],
      ['queue', 'count', '--queue', join(root, 'job')],
      ['run', '--queue', join(root, 'job'), '--', 'true'],
      ['ls', `no-${EVIL}`],
      [`no-${EVIL}`],
      ['ls', `--no-${EVIL}`],
      ['queue', 'count', '--queue', `zk://${EVIL}/x`],
      ['work', '--jobs', EVIL, '--', 'true'],
    ]
    for (const ended of await Promise.all(commands.map((args) => runCli(args)))) {
      assert.notEqual(ended.code, 0)
      assert.notEqual(ended.code, 70, ended.stderr)
      assertPlain(ended, ended.stderr)
      assert.ok(!/^rollcall: all is well$/m.test(ended.stderr), 'no line of others')
    }
    const hinted = await runCli(['ls', join(root, 'ap')])
    assert.match(hinted.stderr, /did you mean .*\\x1b\[2J/)
  })

  it('obeys no item that it cannot run, and names only its beginning', async () => {
    const folder = join(tempDir(), `x${EVIL}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'no-program'), '')
    chmodSync(join(folder, 'no-program'), 0o600)
    const items = [`/no${EVIL}such`, join(folder, 'no-program'), `/x${'y'.repeat(100_000)}`]

    const ended = await runCli(['work', '--queue', await queueOf(items), '--', '{}'])

    assertPlain(ended, 'work')
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /cannot run \/no\\x1b\[2J.*such: /)
    for (const line of ended.stderr.split('\n')) assert.ok(line.length < 1500, line.slice(0, 100))
  })

  it('cuts what failed, however long it is', async () => {
    const url = await queueOf([`${EVIL}${'long '.repeat(20_000)}`, 'short'])

    const work = await runCli(['work', '--queue', url, '--', 'sh', '-c', 'exit 3'])
    const dead = await runCli(['queue', 'dead', '--queue', url])
    const json = await runCli(['queue', 'dead', '--json', '--queue', url])

    assert.equal(work.code, 1)
    assert.match(work.stderr, /failed after 1 attempts: \\x1b\[2J.*long/)
    assert.match(work.stderr, /failed after 1 attempts: short \(exit code 3\)/)
    for (const { stdout, stderr } of [work, dead]) {
      for (const line of `${stdout}\n${stderr}`.split('\n')) assert.ok(line.length < 9000, `${line.length}`)
    }
    assertPlain(work, 'work')
    assertPlain(dead, 'dead')
    assert.equal(
      JSON.parse(json.stdout.split('\n').find((line) => line.includes('long'))!).item.length,
      100_000 + EVIL.length,
    )
  })

  it('gives its secrets to no command that it runs', async () => {
    const url = await queueOf(['a'])
    const env = { ROLLCALL_AUTH: 'user:sesame', ROLLCALL_TOKEN: 'sesame', ROLLCALL_QUEUE: url, OTHER: 'kept' }

    for (const verb of ['run', 'work']) {
      const { code, stdout } = await runCli([verb, '--', 'sh', '-c', 'env; : "$1"'], env)
      assert.equal(code, 0)
      assert.doesNotMatch(stdout, /sesame|ROLLCALL_(AUTH|TOKEN)/)
      assert.match(stdout, /^OTHER=kept$/m)
      assert.ok(stdout.includes(`ROLLCALL_QUEUE=${url}\n`), 'which queue is no secret')
    }
  })

  it('repeats no secret in an error, wherever it was put', async () => {
    const password = 'hunter2'
    for (const url of [
      `zk://user:${password}@host/`,
      `zk://user:${password}@host/q`,
      `zk://user:${password}@host:2181,other/q`,
      `zk://other,user:${password}@host/q`,
      `zk://user:${password}/x@host/q`,
      `zk://user:a@${password}@host/q`,
      `ZK://user:${password}@host/q`,
      `zk:user:${password}@host/q`,
      `https://user:${password}@host/q`,
    ]) {
      await assert.rejects(WatchdogQueue.connect(url), (error: Error) => {
        assert.ok(error instanceof TypeError)
        return !error.message.includes(password)
      })
    }
    const url = `zk://user:${password}@host/q`
    const commands = [
      ['queue', 'count', '--queue', url],
      ['run', '--queue', url, '--', 'true'],
      ['ls', url],
      [url],
      ['ls', `--auth=user:${password}`, '/'],
      ['queue', 'count', `--token=${password}`],
    ]
    for (const { code, stdout, stderr } of await Promise.all(commands.map((args) => runCli(args)))) {
      assert.notEqual(code, 0)
      assert.doesNotMatch(stdout + stderr, new RegExp(password))
    }
    for (const auth of [
      `user:${password}`,
      password,
      [password],
      () => password,
      { scheme: `user:${password}`, secret: 'a:b' },
      { scheme: 'digest', secret: password },
      { scheme: 'digest', secret: 7 },
    ]) {
      await assert.rejects(WatchdogQueue.connect('zk://h/q', { auth } as object), (error: Error) => {
        assert.ok(error instanceof TypeError)
        return !error.message.includes(password)
      })
    }
    await assert.rejects(
      WatchdogQueue.connect('zk://h/q', { session: password } as object),
      (error: Error) => {
        return error instanceof TypeError && !error.message.includes(password)
      },
    )
  })

  it('takes a secret from a file, which no list of processes shows', async () => {
    const file = join(tempDir(), 'token')
    writeFileSync(file, 'open-sesame\nand a note\n', { mode: 0o600 })
    const baseDir = join(tempDir(), 'board')
    open({ baseDir, workerId: 'w' })
    const child = spawn(process.execPath, [
      MAIN,
      'serve',
      '--json',
      '--port',
      '0',
      '--token-file',
      file,
      baseDir,
    ])
    try {
      const [line] = await Promise.race([
        new Promise<Buffer[]>((resolve) => child.stdout.once('data', (data) => resolve([data]))),
        new Promise<never>((_, reject) => child.once('exit', () => reject(new Error('it ended')))),
      ])
      const { port } = JSON.parse(line!.toString())
      const asked = async (token: string) =>
        (await ask(port, { headers: { authorization: `Bearer ${token}` } })).status

      assert.equal(await asked('open-sesame'), 200)
      assert.equal(await asked('and a note'), 401)
      assert.doesNotMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /sesame/)
    } finally {
      child.kill()
    }
    for (const wrong of [join(tempDir(), 'missing'), tempDir(), '/dev/null']) {
      const { code, stderr } = await runCli(['serve', '--token-file', wrong, baseDir])
      assert.equal(code, 64)
      assert.match(stderr, /'--token-file <file>' argument .* is invalid/)
    }
    const { code, stderr } = await runCli([
      'queue',
      'count',
      '--queue',
      'zk://127.0.0.1:1/q',
      '--auth-file',
      file,
    ])
    assert.equal(code, 64)
    assert.match(stderr, /--auth to be 'user:password'/)
  })

  it('shows the queue that is called like what every object has', async () => {
    const folder = tempDir()
    const baseDir = join(folder, 'board')
    open({ baseDir, workerId: 'w' })
    const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty']
    for (const name of names) {
      await using queue = await WatchdogQueue.connect(join(folder, name))
      await queue.createQueue({ queue: ['a'] })
    }
    const args = ['serve', '--json', '--port', '0', ...names.flatMap((name) => ['--queue', name]), baseDir]
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder })
    try {
      const [line] = await new Promise<Buffer[]>((resolve) =>
        child.stdout.once('data', (data) => resolve([data])),
      )
      const { body } = await ask(JSON.parse(line!.toString()).port, { path: '/?json' })

      assert.deepEqual(
        JSON.parse(body).queues.map(({ name }: { name: string }) => name),
        names,
      )
    } finally {
      child.kill()
    }
  })
})

describe('Items from a file', () => {
  it('are as they were written, wherever the pieces that arrive end', async () => {
    const file = join(tempDir(), 'items')
    for (const [text, nul, items] of [
      ['', false, []],
      ['\n', false, ['']],
      ['a', false, ['a']],
      ['a\nb', false, ['a', 'b']],
      ['a\r\nb\r\n\n', false, ['a', 'b', '']],
      ['a\0b\nc\0', true, ['a', 'b\nc']],
      [`${'x'.repeat(65_536)}\n`, false, ['x'.repeat(65_536)]],
      [`${'x'.repeat(65_535)}\r\ny`, false, ['x'.repeat(65_535), 'y']],
      [`${'é'.repeat(100_001)}\n${'é'.repeat(3)}`, false, ['é'.repeat(100_001), 'ééé']],
      [`${'x'.repeat(MAX_ITEM_BYTES)}\n`, false, ['x'.repeat(MAX_ITEM_BYTES)]],
    ] as const) {
      writeFileSync(file, text)
      assert.deepEqual(await collect(readItems(file, nul)), items, JSON.stringify(text.slice(0, 20)))
    }
  })

  it('without an end are refused as soon as that is certain, from a file or a pipe that never ends', async () => {
    const file = join(tempDir(), 'items')
    writeFileSync(file, `first\n${'x'.repeat(20_000_000)}`)
    const seen: unknown[] = []
    await assert.rejects(
      (async () => {
        for await (const item of readItems(file, false)) seen.push(item)
      })(),
      { code: 'ERR_TOO_LARGE', message: /^Item 1 has no line end within 1000000 bytes/ },
    )
    assert.deepEqual(seen, ['first'])

    for (const flags of [[], ['--null']]) {
      const url = join(tempDir(), 'jobs')
      const command = `yes x | tr -d '\\n' | '${process.execPath}' '${MAIN}' queue create --queue '${url}' ${flags.join(' ')}`
      const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 })
      assert.equal(status, 65, stderr)
      assert.match(stderr, /Item 0 has no .* within .* \[ERR_TOO_LARGE\]/)
      assert.equal((await runCli(['queue', 'count', '--queue', url])).code, 66, 'and no queue is made')
    }
  })
})

/** Publishes JSON that no writer of ours would, in the slot of a worker of this process. */
function publishJson(worker: Scoreboard, json: Buffer): void {
  worker.update(json.toString())
  const file = new BoardBytes(join(worker.baseDir, 'board'))
  const { slot } = worker.snapshot().workers.find(({ id }) => id === 'evil')!
  const record = file.recordOffset(slot)
  const descriptor = openSync(file.path, 'r+')
  writeSync(descriptor, Buffer.from([Encoding.json]), 0, 1, record + RECORD.encoding)
  closeSync(descriptor)
}

describe('A status that is nested without end', () => {
  it('is an error of its worker, and everybody else is shown, on every face', async () => {
    for (const [what, json] of [
      ['lists', Buffer.from('['.repeat(8000) + ']'.repeat(8000))],
      ['objects', Buffer.from(`${'{"a":'.repeat(8000)}1${'}'.repeat(8000)}`)],
      ['ten megabytes', Buffer.from('['.repeat(5_000_000) + ']'.repeat(5_000_000))],
      ['one level too many', Buffer.from('['.repeat(513) + ']'.repeat(513))],
    ] as const) {
      const baseDir = join(tempDir(), 'board')
      const honest = open({ baseDir, workerId: 'honest', maxStatusBytes: 16_000_000 })
      honest.update({ fine: true })
      const evil = open({ baseDir, workerId: 'evil', maxStatusBytes: 16_000_000 })
      publishJson(evil, json)

      const runs = await Promise.all(
        [
          ['ls'],
          ['ls', '--json'],
          ['top', '--rounds', '1'],
          ['top', '--rounds', '1', '--json'],
          ['totals'],
        ].map(([verb, ...flags]) => runCli([verb!, ...flags, baseDir])),
      )
      for (const [i, { code, stdout, stderr }] of runs.entries()) {
        assert.equal(code, 0, `${what}: ${stderr}`)
        if (i < 4) assert.match(stdout, /honest[\s\S]*BAD_RECORD|BAD_RECORD[\s\S]*honest/, what)
      }
      const reader = open({ baseDir, readOnly: true })
      const { port } = await listen(statusHandler(reader))
      for (const path of ['/', '/?json', '/?auto', '/metrics']) {
        const { status, body } = await ask(port, { path })
        assert.equal(status, 200, `${what} ${path}: ${body.slice(0, 200)}`)
      }
      assert.deepEqual([...reader.readAll().keys()], ['honest'])
      const [change] = reader.changes().workers.filter(({ id }) => id === 'evil')
      assert.equal(change!.error!.code, 'BAD_RECORD')
      for (const board of [honest, evil, reader]) board.close()
    }
  })
})
