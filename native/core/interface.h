// What JavaScript and the addons have agreed on. One more with each change of what lib/binding.ts calls or reads, there
// too: an addon of other sources is refused when it is loaded, instead of misbehaving later.
#pragma once

namespace rollcall {

constexpr int kInterface = 3;

}  // namespace rollcall
