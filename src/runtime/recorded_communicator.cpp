// SPDX-License-Identifier: Apache-2.0
#include "runtime/recorded_communicator.hpp"

namespace convoy {

void RecordedCommunicator::meet(Meeting meeting) {
  Lane* const lane = this->lane(meeting);
  if (lane) lane->lap(TimeKind::reduction);
  inner_.meet(meeting);
  if (lane) lane->lap(TimeKind::waiting);
}

void RecordedCommunicator::exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                                    Meeting meeting) {
  Lane* const lane = this->lane(meeting);
  if (lane) lane->lap(TimeKind::reduction);
  inner_.exchange(out, in, meeting);
  if (lane) lane->lap(TimeKind::communication);
  if (!timeline_.recording()) return;
  for (const Outgoing& message : out) timeline_.count_sent(message.bytes.size());
}

template <class T>
void RecordedCommunicator::sum_of(std::span<T> values) {
  Lane* const lane = this->lane(Meeting::exchange);
  if (lane) lane->lap(TimeKind::reduction);
  inner_.sum(values);
  if (!lane) return;
  lane->lap(TimeKind::communication);
  timeline_.count_sent(values.size_bytes());
}

void RecordedCommunicator::sum(std::span<float> values) {
  sum_of(values);
}

void RecordedCommunicator::sum(std::span<double> values) {
  sum_of(values);
}

}  // namespace convoy
