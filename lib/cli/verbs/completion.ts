// The verb `completion`: a script that teaches a shell the verbs and options of this command.

import { Argument, type Command } from 'commander'

import { commandTree } from '../completion/command-tree'
import { print } from '../support/output'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .summary('print a script that completes rollcall in a shell')
    .description('Print a script that completes the verbs, options and values of rollcall in a shell.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  $ echo 'source <(rollcall completion bash)' >> ~/.bashrc
  $ echo 'source <(rollcall completion zsh)' >> ~/.zshrc    # after compinit
  $ rollcall completion fish > ~/.config/fish/completions/rollcall.fish`,
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      print((await scriptFor(shell, program)).trimEnd())
    })
}

async function scriptFor(shell: (typeof SHELLS)[number], program: Command): Promise<string> {
  const tree = commandTree(program)
  if (shell === 'bash') return (await import('../completion/bash.js')).bashCompletion(tree)
  if (shell === 'zsh') return (await import('../completion/zsh.js')).zshCompletion(tree)
  return (await import('../completion/fish.js')).fishCompletion(tree)
}
