// What `rollcall work` refuses of a command, and what it then says.

import assert from 'node:assert/strict'
import { checkCommand, lineHint } from '../../../../lib/cli/verbs/work/check-command'

describe('The words of a command', () => {
  for (const word of [
    '{.}',
    'out/{/}',
    '{//}',
    '{/.}',
    '{#}',
    '{%}',
    '{1}',
    'a {2.} b',
    '{-1}',
    '{= s/a/b/ =}',
  ]) {
    it(`are refused with GNU parallel's ${word}, and taken as text where that is wanted`, () => {
      assert.throws(() => checkCommand(['gzip', word, '{}'], {}), {
        exitCode: 64,
        message: /GNU parallel's; here only \{\} is replaced\. Instead: .*--literal-braces$/,
      })
      checkCommand(['gzip', word, '{}'], { literalBraces: true })
    })
  }

  it('are refused with a list behind them, and told how to give one', () => {
    assert.throws(() => checkCommand(['echo', '{}', ':::', 'a', 'b'], {}), {
      message: /-a FILE.*printf '%s\\n' a b \| rollcall work -a - -- echo \{\}/,
    })
  })

  for (const word of ['{}', '{a,b}', '{print $1}', '$' + '{1}', '$' + '{#}', '{1,3}', '{', '/[0-9]+{x}/']) {
    it(`may have ${word} in them`, () => checkCommand(['awk', word], {}))
  }

  it('that are one line of shell are told how to be one, with the item in quotes', () => {
    assert.equal(
      lineHint(['wc -c < {}']),
      `the command is given as words, or for a shell: sh -c 'wc -c < "$0"' {}`,
    )
    assert.match(lineHint(['echo "a {}" "{}" {}'])!, /sh -c 'echo "a \$0" "\$0" "\$0"' \{\}$/)
    assert.equal(lineHint(['./program-{}']), undefined)
    assert.equal(lineHint(['a program', '{}']), undefined)
  })
})
