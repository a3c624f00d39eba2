// Where the helper program is that starts and ends the commands of `work` and `run` (native/supervisor/).

import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError, EXIT } from './exit-codes'

const NAME = 'rollcall-supervisor'

/** The path of the program. Throws where there is none for this machine, with what to do. */
export function findSupervisor(root = packageRoot(), prebuiltOnly = process.env.PREBUILDS_ONLY): string {
  const { platform, arch } = process
  const built = prebuiltOnly ? [] : ['Release', 'Debug'].map((kind) => join(root, 'build', kind, NAME))
  const found = [...built, join(root, 'prebuilds', `${platform}-${arch}`, NAME)].find(existsSync)
  if (found === undefined) {
    throw new CliError(
      EXIT.unreachable,
      `Cannot run commands: ${NAME}, which ends them when rollcall dies, is missing for ${platform}-${arch}. Build it with: npm --prefix '${root}' run install (needs python3, make and a C++ compiler)`,
    )
  }
  try {
    accessSync(found, constants.X_OK)
  } catch (cause) {
    throw new CliError(
      EXIT.permission,
      `Cannot run commands: ${found} may not be executed (${(cause as NodeJS.ErrnoException).code}); is its permission bit lost, or the disk mounted with noexec?`,
      { cause },
    )
  }
  return found
}

/** The directory of this package, from wherever in it this code runs. */
function packageRoot(): string {
  let folder = __dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}
