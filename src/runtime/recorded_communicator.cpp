// SPDX-License-Identifier: Apache-2.0
#include "runtime/recorded_communicator.hpp"

namespace convoy {

void RecordedCommunicator::barrier(SyncPoint sync_point) {
  Track* const track = this->track(sync_point);
  if (track) track->record(TimeKind::reduction);
  inner_.barrier(sync_point);
  if (track) track->record(TimeKind::waiting);
}

void RecordedCommunicator::exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                                    SyncPoint sync_point) {
  Track* const track = this->track(sync_point);
  if (track) track->record(TimeKind::reduction);
  inner_.exchange(out, in, sync_point);
  if (track) track->record(TimeKind::communication);
  if (!timeline_.recording()) return;
  for (const Outgoing& message : out) timeline_.count_sent(message.bytes.size());
}

template <class T>
void RecordedCommunicator::sum_of(std::span<T> values) {
  Track* const track = this->track(SyncPoint::exchange);
  if (track) track->record(TimeKind::reduction);
  inner_.sum(values);
  if (!track) return;
  track->record(TimeKind::communication);
  timeline_.count_sent(values.size_bytes());
}

void RecordedCommunicator::sum(std::span<float> values) {
  sum_of(values);
}

void RecordedCommunicator::sum(std::span<double> values) {
  sum_of(values);
}

}  // namespace convoy
