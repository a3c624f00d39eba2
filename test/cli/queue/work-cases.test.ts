// What people who run commands over lists have met: each test is one of their stories, on each place of a queue that
// it is about.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/eventually'
import { describeZookeeper, uniqueUrl } from '../../support/queue'
import { shell, startShell } from '../../support/shell'
import { tempDir } from '../../support/temp-dir'

/** The whole lines; none of a file that is not there. */
function lines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').slice(0, -1) : []
}

function isRunning(pid: number): boolean {
  try {
    // A zombie has ended; somebody has yet to wait for it.
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

type Place = () => Promise<{ cwd: string; url: string }>

const local: Place = async () => ({ cwd: tempDir(), url: 'q' })
const zookeeper: Place = async () => ({ cwd: tempDir(), url: await uniqueUrl() })

function run(place: { cwd: string; url: string }, script: string) {
  return shell(script, { cwd: place.cwd, env: { ROLLCALL_QUEUE: place.url, ROLLCALL_SESSION: '1s' } })
}

async function status(place: { cwd: string; url: string }) {
  const { stdout } = await run(place, 'rollcall queue status --json')
  return JSON.parse(stdout) as { items: Record<string, number>; timers: Record<string, number> }
}

function onEachPlace(title: string, body: (place: Place) => void): void {
  describe(`${title}, on this machine`, () => body(local))
  describeZookeeper(`${title}, on ZooKeeper`, () => body(zookeeper))
}

onEachPlace('Commands over a queue', (make) => {
  it('one that hangs ends as a dead item, and its worker goes on with the others', async () => {
    const place = await make()
    await run(place, 'seq 6 | rollcall queue create --timer 500ms --on-expire requeue --attempts 2')

    const worked = await run(
      place,
      `rollcall work --kick-on-output -- sh -c '[ $0 = 2 ] && exec sleep 999; echo $0' {}`,
    )

    assert.equal(worked.code, 1, worked.stderr)
    assert.deepEqual(worked.stdout.trim().split('\n').sort(), ['1', '3', '4', '5', '6'])
    const { done, dead } = (await status(place)).items
    assert.deepEqual({ done, dead }, { done: 5, dead: 1 })
    assert.match(worked.stderr, /rollcall queue dead --redrive --queue/)
  })

  it('two that hang cost no worker its life, and the wait for the queue ends', async () => {
    const place = await make()
    await run(place, 'seq 20 | rollcall queue create --timer 500ms --on-expire requeue --attempts 1')
    const work = `rollcall work -j 2 --kick-on-output -- sh -c 'case $0 in 7|8) exec sleep 999;; esac; echo $0' {}`

    const { code, stdout } = await run(
      place,
      `${work} & first=$!; ${work} & second=$!; rollcall queue wait --items > /dev/null; echo waited $?; wait $first; echo $?; wait $second; echo $?`,
    )

    assert.equal(code, 0)
    const { done, dead } = (await status(place)).items
    assert.deepEqual({ done, dead }, { done: 18, dead: 2 })
    assert.match(stdout, /waited 1/)
    assert.deepEqual(stdout.trim().split('\n').slice(-2), ['1', '1'])
  })

  it('a list without items is done at once; only --no-items has the workers as the pieces', async () => {
    const place = await make()

    const made = await run(
      place,
      ': > empty; rollcall queue create --items empty; rollcall queue wait; echo $?',
    )
    const piped = await run(
      place,
      'rollcall queue destroy; rollcall queue create < empty; rollcall queue wait; echo $?',
    )
    const itemless = await run(
      place,
      'rollcall queue destroy; rollcall queue create --no-items; rollcall queue wait --timeout 100ms; echo $?',
    )

    assert.match(made.stdout, /^0 items done.*\n0\n$/)
    assert.match(piped.stdout, /\n0\n$/)
    assert.match(itemless.stdout, /\n2\n$/)
  })

  it('a file name that is no UTF-8 reaches its command as it is', async () => {
    const place = await make()

    const { code, stdout, stderr } = await run(
      place,
      `touch "$(printf 'na\\363ve')"; find . -name 'na*' -print0 | rollcall queue create -0
       rollcall work -- sh -c 'test -e "$0" && test "$0" = "$ROLLCALL_ITEM" && printf %s "$0" | od -An -tx1' {}`,
    )

    assert.equal(code, 0, stderr)
    assert.match(stdout, /2e 2f 6e 61 f3 76 65/)
  })

  it('a worker without the program stops and counts nothing; one that has it does everything', async () => {
    const place = await make()
    await run(place, 'seq 60 | rollcall queue create')

    const bad = await run(place, 'rollcall work -j 3 -- nosuchprogram {}')
    const forbidden = await run(place, 'rollcall work -- /etc/passwd {}')
    const good = await run(place, 'rollcall work -j 2 -- true {}')

    assert.deepEqual([bad.code, forbidden.code, good.code], [127, 126, 0], bad.stderr + good.stderr)
    assert.match(bad.stderr, /cannot run nosuchprogram: .*this worker stops, the item goes back/)
    const { done, dead } = (await status(place)).items
    assert.deepEqual({ done, dead }, { done: 60, dead: 0 })
  })

  it('a list that has grown is gone on with; one that was changed is refused', async () => {
    const place = await make()
    const work = 'rollcall work -a l --kick-every 100ms -- echo'

    const first = await run(place, `printf 'a\\n' > l; ${work}`)
    const again = await run(place, work)
    const grown = await run(place, `seq 1500 >> l; ${work} | tail -1; ${work}`)
    const changed = await run(place, `printf 'b\\nc\\n' > l; ${work}`)
    const shorter = await run(place, `: > l; ${work}`)
    const anew = await run(
      place,
      `printf 'b\\nc\\n' > l; ${work} --new 2> /dev/null || rollcall work -a l --new -- echo`,
    )

    assert.deepEqual([first.code, first.stdout], [0, 'a\n'], first.stderr)
    assert.deepEqual([again.code, again.stdout], [0, ''])
    assert.deepEqual([grown.code, grown.stdout], [0, '1500\n'], grown.stderr)
    assert.equal(changed.code, 73)
    assert.match(
      changed.stderr,
      /made of another list: that one had 1501 items .*this one has 2 items.*--new/s,
    )
    assert.equal(shorter.code, 73)
    assert.deepEqual([anew.code, anew.stdout], [0, 'b\nc\n'], anew.stderr)
  })
})

describe('Commands over a list', () => {
  it('end with all they have started when their worker is told to stop', async () => {
    const cwd = tempDir()
    const child = startShell(
      `echo a > list; exec rollcall work -a list -- bash -c 'sleep 999 & echo $$ $! > pids; sleep 998'`,
      { cwd },
    )
    await eventually(() => lines(join(cwd, 'pids')).length === 1, 'the command to begin')
    const pids = lines(join(cwd, 'pids'))[0]!.split(' ').map(Number)

    child.kill('SIGTERM')

    await eventually(() => child.exitCode !== null, 'the end')
    assert.equal(child.exitCode, 143)
    assert.deepEqual(pids.filter(isRunning), [])
    const { items } = await status({ cwd, url: 'list.queue' })
    assert.deepEqual([items.ready, items.dead], [1, 0])
  })

  it('end when their worker is killed, whatever they have done to get away, before another has their items', async () => {
    const cwd = tempDir()
    // It says when it begins and that it lives; one process of it has left the group and the session.
    const job = `trap '' TERM; echo begin $$ $ROLLCALL_ATTEMPT >> log; setsid sleep 999 & echo $! >> away
      while :; do echo alive $$ >> log; sleep 0.01; done`
    writeFileSync(join(cwd, 'job'), job)
    const start = () =>
      startShell('[ -e list ] || echo a > list; exec rollcall work -a list -- bash job', { cwd })
    const first = start()
    await eventually(
      () => lines(join(cwd, 'log')).some((line) => line.startsWith('alive')),
      'the command to live',
    )
    const second = start()
    await eventually(
      () =>
        readdirSync(join(cwd, 'list.queue', 'queue')).filter((name) => name.startsWith('guard-')).length ===
        2,
      'a second worker',
    )

    first.kill('SIGKILL')
    await eventually(
      () => lines(join(cwd, 'log')).filter((line) => line.startsWith('begin')).length === 2,
      'the next',
    )
    second.kill('SIGTERM')
    second.kill('SIGKILL')

    const [, one] = /^begin (\d+)/.exec(lines(join(cwd, 'log'))[0]!)!
    await eventually(() => !isRunning(Number(one)), 'the end of the first')
    const log = lines(join(cwd, 'log'))
    const next = log.findIndex((line, i) => i > 0 && line.startsWith('begin'))
    assert.equal(log.slice(next).filter((line) => line.endsWith(` ${one}`)).length, 0, 'they overlapped')
    await eventually(
      () => lines(join(cwd, 'away')).every((pid) => !isRunning(Number(pid))),
      'the one that left to end',
    )
  })

  it('end quietly when nobody reads their output any more, in whatever way it is passed on', async () => {
    for (const mode of ['--group', '--line-buffer', '--ungroup', '--keep-order']) {
      const cwd = tempDir()
      const { stdout } = await shell(
        `seq 12 > l; rollcall work -a l ${mode} -- sh -c 'sleep 0.05; echo $0' {} | head -1; echo \${PIPESTATUS[0]}`,
        { cwd },
      )
      const { items } = await status({ cwd, url: 'l.queue' })
      assert.equal(stdout, '1\n141\n', mode)
      assert.equal(items.dead, 0, mode)
    }
  })

  it('write whole lines, each command together', async () => {
    const cwd = tempDir()

    const { stdout } = await shell(
      `seq 80 > l; rollcall work -a l -j 8 -- sh -c 'printf "a$0"; sleep 0.01; echo; echo "b$0"' {}`,
      { cwd },
    )

    const got = stdout.trim().split('\n')
    assert.equal(got.length, 160)
    for (let i = 0; i < 160; i += 2) assert.equal(got[i + 1], got[i]!.replace('a', 'b'))
  })

  it('show their output in the order of the list, each line with its item, and keep it in files', async () => {
    const cwd = tempDir()
    const job = `sh -c 'sleep 0.$((5 - $0)); echo out $0; echo err $0 >&2' {}`

    const ordered = await shell(`seq 4 > l; rollcall work -a l -j 4 --keep-order --tag -- ${job}`, { cwd })
    const kept = await shell(`rollcall work -a l --new --log-dir logs -- ${job}; cat logs/*.out`, { cwd })
    const tagged = await shell(`rollcall work -a l --new --line-buffer --tag -- ${job}`, { cwd })

    assert.equal(ordered.stdout, [1, 2, 3, 4].map((n) => `${n}\tout ${n}\n`).join(''))
    assert.match(ordered.stderr, /^1\terr 1\n2\terr 2\n3\terr 3\n4\terr 4\n/)
    assert.equal(kept.stdout, [1, 2, 3, 4].map((n) => `out ${n}\n`).join(''))
    assert.equal(tagged.stdout, ordered.stdout)
  })

  it('show it in that order where they are short, too, and several would be leased together', async () => {
    const { stdout } = await shell(
      'seq 60 > l; rollcall work -a l -j 3 -k -- sh -c "sleep 0.01; echo \\$0" {}',
      {
        cwd: tempDir(),
      },
    )

    assert.equal(stdout, Array.from({ length: 60 }, (_, i) => `${i + 1}\n`).join(''))
  })

  it('hold more than memory should', async () => {
    const command = (n: string) => `yes "line ${n}" | head -c 3000000`
    const { stdout } = await shell(
      `seq 2 > l; rollcall work -a l -j 2 -- sh -c '${command('$0')}' {} > got; for of in '1 2' '2 1'; do
         for n in $of; do ${command('$n')}; done | cmp got && echo "those of $of"; done`,
      { cwd: tempDir() },
    )

    // Whichever ends first is the first.
    assert.match(stdout, /^(got .* differ.*\n)?those of (1 2|2 1)\n(got .* differ.*\n)?$/)
  })

  it('are let end by --drain, and their items are done', async () => {
    const cwd = tempDir()
    const child = startShell(
      `seq 9 > list; exec rollcall work -a list -j 2 --drain 20s --json -- sh -c 'echo $0 >> begun; while [ ! -e go ]; do sleep 0.02; done' {}`,
      { cwd },
    )
    let [stdout, stderr] = ['', '']
    child.stdout!.on('data', (text) => (stdout += text))
    child.stderr!.on('data', (text) => (stderr += text))
    await eventually(() => lines(join(cwd, 'begun')).length === 2, 'two to begin')
    child.kill('SIGTERM')
    await eventually(
      () => stderr.includes('waiting up to 20 s for what still runs (2)'),
      'the signal to be heard',
    )

    writeFileSync(join(cwd, 'go'), '')

    await eventually(() => child.exitCode !== null, 'the end')
    assert.equal(child.exitCode, 143)
    assert.deepEqual(JSON.parse(stdout), { done: 2, failed: 0 })
  })

  it('take what is too long for an argument from standard input', async () => {
    const cwd = tempDir()

    const asArgument = await shell(`head -c 200000 /dev/zero | tr '\\0' x > l; rollcall work -a l -- wc -c`, {
      cwd,
    })
    const onInput = await shell('rollcall work -a l --stdin -- wc -c', { cwd })

    assert.equal(asArgument.code, 65)
    assert.match(asArgument.stderr, /too long for an argument, use --stdin/)
    assert.deepEqual([onInput.code, onInput.stdout.trim()], [0, '200000'], onInput.stderr)
  })

  it('begin in the order of the list', async () => {
    const { stdout } = await shell('seq 400 > l; rollcall work -a l -- echo', { cwd: tempDir() })

    assert.equal(stdout, Array.from({ length: 400 }, (_, i) => `${i + 1}\n`).join(''))
  })

  it('are ended by --timeout, told as such, and killed when they do not listen', async () => {
    const cwd = tempDir()

    const { code, stderr } = await shell(
      `echo a > l; rollcall work -a l --attempts 1 --timeout 100ms --kill-after 100ms --joblog log -- sh -c 'trap "" TERM; while :; do sleep 0.02; done'`,
      { cwd },
    )
    const letter = await shell('rollcall queue dead --json -q l.queue', { cwd })

    assert.equal(code, 1)
    // It is no Node, whose stack would be here: see TimeLimit.
    assert.match(
      JSON.parse(letter.stdout).error.stack,
      /^timed out after 0.1 s\n {2}no stack .*\n {2}the kernel says: /,
    )
    assert.match(stderr, /failed after 1 attempts: a \(timed out after 0.1 s\)/)
    const [header, line] = lines(join(cwd, 'log'))
    assert.equal(header, 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand')
    assert.deepEqual(line!.split('\t').slice(6, 8), ['-1', '9'])
  })

  it('are halted after so many failures, soon or now', async () => {
    const soon = await shell(
      `seq 50 > l; rollcall work -a l --attempts 1 --halt soon,fail=2 --json -- false`,
      {
        cwd: tempDir(),
      },
    )
    const now = await shell(
      `seq 2 > l; rollcall work -a l -j 2 --attempts 1 --halt now,fail=1 -- sh -c '[ $0 = 1 ] && exit 1; exec sleep 999' {}; rollcall queue count -q l.queue`,
      { cwd: tempDir() },
    )
    const success = await shell(`seq 50 > l; rollcall work -a l --halt now,success=1 --json -- true`, {
      cwd: tempDir(),
    })

    assert.deepEqual([soon.code, JSON.parse(soon.stdout)], [1, { done: 0, failed: 2 }])
    assert.equal(now.stdout, '1\n')
    assert.deepEqual([success.code, JSON.parse(success.stdout)], [0, { done: 1, failed: 0 }])
  })

  it('write what they answer, and are shown on a board', async () => {
    const cwd = tempDir()
    const child = startShell(
      `printf 'x\\ny\\n' > list; exec rollcall work -a list -j 2 --results out --board board --id w -- sh -c 'echo step 1; echo "working on $0"; while [ ! -e go ]; do sleep 0.02; done; exit 0' {}`,
      { cwd },
    )
    const top = () => shell('rollcall top board --rounds 1', { cwd })
    let shown = ''
    await eventually(
      async () => {
        shown = (await top()).stdout
        return shown.includes('working on y') && shown.includes('working on x')
      },
      () => shown,
    )

    writeFileSync(join(cwd, 'go'), '')
    await eventually(() => child.exitCode !== null, 'the end')

    assert.match(shown, /w(\.2)? .*"item":"[xy]","seconds":\d+,"output":"working on [xy]"/)
    const results = lines(join(cwd, 'out')).map((line) => JSON.parse(line))
    assert.deepEqual(results.map(({ item, code, output }) => [item, code, output]).sort(), [
      ['x', 0, 'step 1\nworking on x\n'],
      ['y', 0, 'step 1\nworking on y\n'],
    ])
  })

  it('are left alone by --keep-children, and what they leave has time to end by itself', async () => {
    const cwd = tempDir()
    const { stdout } = await shell(
      `echo a > l; rollcall work -a l --keep-children -- bash -c 'sleep 60 & echo $!'
       echo b >> l; rollcall work -a l --change-command -- bash -c 'echo data > >(sleep 0.1; cat > late)'; cat late`,
      { cwd },
    )
    const [pid, late] = stdout.split('\n')
    assert.ok(isRunning(Number(pid)))
    process.kill(Number(pid), 'SIGKILL')
    assert.equal(late, 'data')
  })

  it('come from a pipe too, whose queue goes with the command', async () => {
    const cwd = tempDir()
    const { code, stdout } = await shell(
      `printf '\\357\\273\\277first\\nsecond' | TMPDIR=$PWD rollcall work -a - -- echo; ls`,
      { cwd },
    )

    assert.deepEqual([code, stdout], [0, 'first\nsecond\n'])
  })

  it('are asked for by name where people look first, and say what counts as life', async () => {
    const cwd = tempDir()
    const wrong = await shell('rollcall queue work --help', { cwd })
    const help = await shell('rollcall work --help; rollcall run --help; rollcall queue wait --help', { cwd })

    assert.match(wrong.stderr + wrong.stdout, /did you mean rollcall work/i)
    assert.deepEqual(
      help.stdout.split('\n').filter((line) => line.length > 80),
      [],
    )
    assert.match(help.stdout, /A sign of life is that it lives: a hung one needs --timeout/)
    for (const group of ['The list:', 'Running:', 'Ending:', 'Output:', 'Watchdog:'])
      assert.ok(help.stdout.includes(group))
  })
})

describe('Waiting for a queue', () => {
  it('for its items alone does not mind a worker that was killed', async () => {
    const place = await local()
    await run(place, 'seq 2 | rollcall queue create')
    const child = startShell(`exec rollcall work -q q -- sh -c 'echo >> begun; exec sleep 999'`, {
      cwd: place.cwd,
    })
    await eventually(() => lines(join(place.cwd, 'begun')).length === 1, 'a command to begin')
    child.kill('SIGKILL')

    const { stdout } = await run(
      place,
      'rollcall work -- true; rollcall queue wait --items > /dev/null; echo $?; rollcall queue wait > /dev/null; echo $?',
    )

    assert.equal(stdout, '0\n3\n')
  })

  it('gives up when items are left and nobody is there; dead workers are told as dead, whoever asks', async () => {
    const place = await local()
    await run(place, 'seq 2 | rollcall queue create')
    const child = startShell(`exec rollcall work -q q -- sh -c 'echo >> begun; exec sleep 999'`, {
      cwd: place.cwd,
    })
    await eventually(() => lines(join(place.cwd, 'begun')).length === 1, 'a command to begin')
    child.kill('SIGKILL')
    await eventually(() => child.signalCode !== null, 'its death')

    const { timers } = await status(place)
    const { code, stderr } = await run(place, 'rollcall queue wait --give-up 200ms')

    assert.deepEqual([timers.alive, timers.died], [0, 1])
    assert.equal(code, 3)
    assert.match(stderr, /Given up: 2 items are left, and no worker has been alive/)
  })

  it('names those that hold it up before those that are held up', async () => {
    const place = await local()
    await run(place, 'seq 3 | rollcall queue create --timer 300ms')
    const work = (id: string, more: string) =>
      startShell(`exec rollcall work -q q --id ${id} ${more}`, { cwd: place.cwd })
    work('innocent', `-- sh -c 'exec sleep 999'`)
    work('hung', `--kick-on-output -- sh -c 'exec sleep 999'`)
    await eventually(async () => (await status(place)).timers.expired === 1, 'one to hang')

    const { code, stderr } = await run(place, 'rollcall queue wait --timeout 100ms')

    assert.equal(code, 2)
    assert.match(stderr, /waiting for hung \(expired\), innocent \(alive\)/)
  })
})
