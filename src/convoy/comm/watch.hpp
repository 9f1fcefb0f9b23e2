// SPDX-License-Identifier: Apache-2.0
// Who keeps the others waiting. A rank that waits looks at the board from time to time: a rank that
// failed, left, or whose process is gone ends the wait at once; one that gives no sign of life and
// waits for nobody, after the stall timeout. So no thread is needed to watch: whoever waits watches,
// and if nobody waits nobody is kept waiting.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "convoy/base/clock.hpp"
#include "convoy/comm/board.hpp"
#include "convoy/comm/transport.hpp"

namespace convoy {

// Processes of this machine, whose end is noticed at once (pidfd; a zombie is gone). Move-only.
class Processes {
 public:
  void add(int rank, std::int32_t pid);
  std::optional<int> gone() const;  // a rank whose process has ended
};

class Watch {
 public:
  Watch(Board& board, int rank, double stall_timeout);

  // Ranks whose pid stands on the board are watched as processes from here on.
  void see_processes();

  // This rank waits: for one rank, or kEveryone of `among`. Publishes it.
  void begin(int waits_for, Range among, Meeting meeting);
  void end() noexcept;

  // Called every tenth of a second or so while waiting. Throws SystemError(Fault::peer) naming the
  // rank that the wait is vain for, its step and what it was doing.
  // `transport`: where ranks that the board does not show are asked by messages; may be null.
  void look(Transport* transport);

  // Ranks at different meetings, by the board: throws SystemError(Fault::peer) naming the odd one.
  [[noreturn]] void disagree();

  // SIGTERM came while a peer may be dead: from now on give up after half a second of waiting for
  // ranks that are not seen to live.
  void hurry();
};

}  // namespace convoy
