// What SECURITY.md says, where no other test does, and that the tests it names are there.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { runCli } from '../support/cli'
import { ROOT } from '../support/paths'
import { tempDir } from '../support/temp-dir'

describe('SECURITY.md', () => {
  const whole = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')
  const text = whole.replace(/\s+/g, ' ')
  const named = [...text.matchAll(/`([\w/-]+\.test\.ts)`: "([^"]+)"/g)]

  it('names tests that are there, each by its room, its file and its whole sentence', () => {
    // Every file that is mentioned, but once: the one of this test.
    const mentioned = text.match(/[\w/-]+\.test\.ts/g)!

    assert.ok(named.length >= 50, `${named.length} tests`)
    assert.equal(named.length, mentioned.length - 1)
    for (const [, file, sentence] of named) {
      const source = readFileSync(join(ROOT, 'test', file!), 'utf8')
      assert.ok(source.includes(`it('${sentence}'`), `${file}: ${sentence}`)
    }
  })

  it('has a test behind what it says cannot be done, and answers what an administrator asks', () => {
    const headings = [...whole.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    const subjects = [
      'A board',
      'A queue on one machine',
      'A queue on ZooKeeper',
      'The command line',
      'The status page',
    ]
    for (const one of [
      'Reporting',
      'Who may own and write what',
      ...subjects,
      'Metrics',
      'The environment',
      'The package',
    ]) {
      assert.ok(headings.includes(one), one)
    }
    for (const [, list] of whole.matchAll(/[Ii]t cannot\n\n((?:[-\s].*\n)+)/g)) {
      for (const claim of list!.split(/^- /m).filter((one) => one.trim() !== '')) {
        assert.match(claim, /\.test\.ts`|no pid of a board/, claim)
      }
    }
  })

  it('tells every secret and every variable that the command line takes', async () => {
    const help = await Promise.all(
      [
        ['serve', '--help'],
        ['work', '--help'],
      ].map((args) => runCli(args)),
    )
    const said = help.map(({ stdout }) => stdout).join('')
    for (const [name] of said.matchAll(/ROLLCALL_(?:QUEUE|AUTH|TOKEN)\b|--(?:auth|token)-file/g)) {
      assert.ok(text.includes(name), name)
    }
  })
})

describe('What hostile boards and queues say', () => {
  it('gives a key named __proto__ as a key', () => {
    const baseDir = tempDir()
    open({ baseDir, workerId: 'w' }).update(JSON.parse('{"__proto__":{"isAdmin":true}}'))

    const status = open({ baseDir, readOnly: true }).readAll().get('w') as Record<string, unknown>

    assert.ok(Object.hasOwn(status, '__proto__'))
    assert.equal(({} as Record<string, unknown>).isAdmin, undefined)
    assert.equal(Object.getPrototypeOf(status), Object.prototype)
  })

  it('shows what a hostile queue says harmlessly', async () => {
    const evil = '\x1b[2J\u202e\u009b\x07'
    const url = join(tempDir(), 'jobs')
    await using queue = await WatchdogQueue.connect(url)
    await queue.createQueue({ queue: [`item ${evil}`], maxAttempts: 1 })
    await using timer = await queue.createTimer(`timer ${evil}`)
    await timer.kick({ step: evil })
    await (await timer.lease())!.nack(new Error(evil))

    const verbs = [['timers'], ['dead'], ['top', '--rounds', '1']]
    const runs = await Promise.all(verbs.map((verb) => runCli(['queue', ...verb, '--queue', url])))

    for (const { code, stdout } of runs) {
      assert.equal(code, 0)
      assert.match(stdout, /\\x1b\[2J\\u\{202e\}\\x9b\\x07/)
      assert.doesNotMatch(stdout.replace(/[\n\t]/g, ''), /[\p{Cc}\p{Cf}]/u)
    }
  })
})
