// Several commands over one list, and what people who come from GNU parallel and Slurm arrays stumble over.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeZookeeper, uniqueUrl } from '../../support/queue'
import { shell } from '../../support/shell'
import { tempDir } from '../../support/temp-dir'

type Place = () => Promise<string>

function steps(place: Place): void {
  it('is refused for another command once it was begun, and does not count as done for it', async () => {
    const cwd = tempDir()
    const env = { Q: await place() }
    const run = (script: string) => shell(`seq 3 > l; ${script}`, { cwd, env })

    const first = await run('rollcall work -q "$Q" -a l -- echo A {}')
    const second = await run('rollcall work -q "$Q" -a l -- echo B {}')
    const more = await run('echo 4 >> l; rollcall work -q "$Q" -a l --change-command -- echo B {}')
    const changed = await run('echo 4 >> l; rollcall work -q "$Q" -a l -- echo B {}')

    assert.equal(first.stdout.split('\n').sort().join(''), 'A 1A 2A 3')
    assert.equal(second.code, 73, second.stderr)
    assert.match(
      second.stderr,
      /begun for something else: echo A \{\}\. .*-q l\.step2\.queue.*--new.*--change-command/,
    )
    assert.deepEqual([more.code, more.stdout], [0, 'B 4\n'], more.stderr)
    assert.equal(changed.code, 0, changed.stderr)
  })

  it('has a task of an array that works on several items at a time counted as that task', async () => {
    const cwd = tempDir()
    const env = { ROLLCALL_QUEUE: await place() }

    const { code, stdout, stderr } = await shell(
      `seq 4 | rollcall queue create --expect 1-2
       for id in 1 2; do SLURM_ARRAY_TASK_ID=$id rollcall work -j 2 -- true & done; wait
       rollcall queue wait --timeout 1m`,
      { cwd, env },
    )

    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^4 items done, 0 dead; 4 workers\n$/)
  })
}

describe('A list, on this machine', () => steps(async () => 'q'))
describeZookeeper('A list, on ZooKeeper', () => steps(uniqueUrl))

describe('A list of which nothing was begun', () => {
  it('takes the word that was meant, and may be begun anew and gone on with', async () => {
    const { code, stdout } = await shell(
      `seq 2 > l; rollcall work -a l -- nosuchprogram; rollcall work -a l -- echo A
       rollcall work -a l --new -- echo B; rollcall work -a l -- echo B`,
      { cwd: tempDir() },
    )
    assert.equal(code, 0)
    assert.deepEqual(stdout.split('\n').sort().join(''), 'A 1A 2B 1B 2')
  })
})

describe('The wait for a queue whose worker was killed', () => {
  it('says that its items are done, and how to ask for them alone', async () => {
    const cwd = tempDir()
    const { stderr, stdout } = await shell(
      `seq 2 | rollcall queue create -q q
       rollcall work -q q --id w -- sh -c 'touch begun; exec sleep 999' & while [ ! -e begun ]; do sleep 0.02; done; kill -9 $!
       rollcall work -q q --id x -- true
       rollcall queue wait -q q; echo $?; rollcall queue wait -q q --items; echo $?`,
      { cwd },
    )
    assert.match(stdout, /w\t(died|expired)[\s\S]*\n3\n[\s\S]*\n0\n$/, stderr)
    assert.match(stderr, /all items are done; --items asks for them alone/)
  })
})

describe('What commands say', () => {
  it('is printed of the last attempt alone, what they complain about of each', async () => {
    const command = `sh -c 'echo "out $0 $ROLLCALL_ATTEMPT"; echo "err $ROLLCALL_ATTEMPT" >&2; [ "$0 $ROLLCALL_ATTEMPT" = "b 2" ]'`
    const { stdout, stderr } = await shell(
      `printf 'a\\nb\\n' > l; rollcall work -a l ${command} {}; rollcall work --keep-order -a l -q k ${command} {}`,
      { cwd: tempDir() },
    )
    assert.deepEqual(stdout.split('\n').slice(0, 2).sort(), ['out a 3', 'out b 2'])
    assert.deepEqual(stdout.split('\n').slice(2), ['out a 3', 'out b 2', ''])
    assert.equal(stderr.match(/^err \d$/gm)?.length, 10)
  })

  it('is kept in files of which an index tells, and no run writes over the one before', async () => {
    const cwd = tempDir()
    await shell(
      `printf 'a\\tb\\n' > l; rollcall work -a l --attempts 1 --log-dir logs -- sh -c 'echo first; exit 1'
       rollcall work -a l --retry-failed --change-command --log-dir logs -- echo second`,
      { cwd },
    )
    const read = (name: string) => readFileSync(join(cwd, 'logs', name), 'utf8')
    assert.equal(readdirSync(join(cwd, 'logs')).length, 5)
    assert.deepEqual(
      [read('p00000-0.out'), read('p00000-0.2.out'), read('index')],
      ['first\n', 'second a\tb\n', 'p00000-0\ta\\tb\np00000-0.2\ta\\tb\n'],
    )
  })
})

describe('The command line of work', () => {
  const mistakes: [options: string, code: number, says: RegExp][] = [
    ["-a l -- 'wc -c < {}'", 127, /cannot run wc -c < 1: .*sh -c 'wc -c < "\$0"' \{\}; this worker stops/],
    [
      "-a l --attempts 1 --halt now,fail=1 -- sh -c 'exit 9' {}",
      1,
      /halted.*[\s\S]*failed after 1 attempts: 1 \(exit code 9\)/,
    ],
    ['-a l --results folder/ -- echo', 64, /Cannot use --results folder\/: it is a directory; --log-dir/],
    ['-a l --joblog none/x -- echo', 66, /Cannot use --joblog none\/x: .*its directory is missing/],
    ['-a l --log-dir l -- echo', 64, /Cannot use --log-dir l: something else than a directory/],
    ['-a folder -- echo', 64, /folder is a directory; give a file with an item on each line/],
    ['-- echo {}', 64, /Which items\? -a FILE .* -a - .*rollcall work -a - -- echo \{\}/],
    ['-a l -- sh -c \'echo "a {}"\'', 0, /becomes code of a shell in .*stays one: sh -c 'echo "a \$0"' \{\}/],
  ]
  for (const [options, code, says] of mistakes) {
    it(`is told what is wrong with ${options}`, async () => {
      const ended = await shell(`mkdir folder; echo 1 > l; rollcall work ${options}`, { cwd: tempDir() })
      assert.deepEqual([ended.code, says.test(ended.stderr)], [code, true], ended.stderr)
    })
  }
})
