// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/decode_all.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "base/check.hpp"
#include "base/durable_file.hpp"
#include "convoy/compute.hpp"
#include "data/picture/decoder.hpp"
#include "data/picture/resize.hpp"
#include "data/pictures/listed_file.hpp"
#include "data/pictures/picture_progress.hpp"

namespace convoy {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Bytes that threads may hold at once. A share that is larger than all of them waits until no other
// one is held.
class Budget {
 public:
  explicit Budget(std::uint64_t most) : most_(most) {}

  class Share {
   public:
    Share(Budget& budget, std::uint64_t bytes) : budget_(budget), bytes_(bytes) {
      std::unique_lock lock(budget_.mutex_);
      budget_.returned_.wait(lock, [&] {
        return budget_.held_ == 0 ||
               (bytes_ <= budget_.most_ && budget_.held_ <= budget_.most_ - bytes_);
      });
      budget_.held_ += bytes_;
    }
    ~Share() {
      {
        const std::lock_guard lock(budget_.mutex_);
        budget_.held_ -= bytes_;
      }
      budget_.returned_.notify_all();
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    Budget& budget_;
    std::uint64_t bytes_;
  };

 private:
  std::uint64_t most_, held_ = 0;
  std::mutex mutex_;
  std::condition_variable returned_;
};

// Whether the picture will be as bad the next time. All else is a fault of the system or of the
// moment, which a later run may not meet, so that it must not decide which pictures there are.
bool is_of_picture(const Error& error) {
  return error.fault() == Fault::bad_data || error.fault() == Fault::unavailable;
}

// To decode a picture of this size, and to resize first its rows and then its columns, by
// coefficients of which there are at most about twice as many as inputs and outputs.
std::uint64_t memory_of(const Extent& size, const Shape& shape) {
  constexpr std::uint64_t kBytesOfPixel = 10;        // picture.hpp
  constexpr Index kRowBytes = 40, kColumnBytes = 8;  // twice those of resample.hpp
  constexpr Index kMostTaps = 4;                     // of an output beyond its inputs
  return static_cast<std::uint64_t>(size.area()) * kBytesOfPixel +
         static_cast<std::uint64_t>(size.height * shape.width * shape.channels + shape.size() +
                                    kRowBytes * (size.width + kMostTaps * shape.width) +
                                    kColumnBytes * (size.height + kMostTaps * shape.height));
}

struct Job {
  const Listing& listing;
  Shape shape;
  Resize resize;
  bool keeps_size;  // pictures of another size are refused
  Budget files, pictures;
};

// `memory` is what the thread keeps from one picture to the next.
Picture decode_one(Job& job, const ListedPicture& picture, PixelMemory& memory) {
  const std::string name = (job.listing.root / picture.path).string();
  const Budget::Share file_share(job.files, picture.file.bytes);
  const std::vector<std::uint8_t> bytes = read_listed_file(job.listing, picture, name);
  const PictureFile file{bytes, name};
  const Extent size = picture_size(file);
  const Extent wanted{job.shape.height, job.shape.width};
  if (job.keeps_size && size != wanted) {
    refuse_picture(file,
                   fmt::format("it has {} pixels (height x width), and the first picture {}",
                               to_string(size), to_string(wanted)),
                   "state the size to which pictures are resized");
  }
  // Shares are taken in this order, so threads never wait for each other.
  const Budget::Share share(job.pictures, memory_of(size, job.shape));
  Picture decoded = decode_picture(file, job.shape.channels, {}, std::move(memory));
  Picture result = resized(decoded, wanted, job.resize);
  memory = kept_memory(std::move(decoded.pixels));
  return result;
}

// A picture's place between the threads and the caller.
struct Result {
  bool is_done = false;
  Picture image;  // without pixels: it is bad
  std::string problem;
  std::exception_ptr failure;  // which ends everything
};

UserError lack_of_memory(const Job& job, const ListedPicture& picture) {
  return {Fault::unavailable,
          fmt::format("cannot decode {}", (job.listing.root / picture.path).string()),
          "the memory does not suffice", "use fewer threads or ranks, or ask for more memory"};
}

Result result_of(Job& job, const ListedPicture& picture, PixelMemory& memory) {
  Result result;
  try {
    result.image = decode_one(job, picture, memory);
  } catch (const Error& error) {
    if (is_of_picture(error)) {
      result.problem = error.problem();
    } else {
      result.failure = std::current_exception();
    }
  } catch (const std::bad_alloc&) {
    result.failure = std::make_exception_ptr(lack_of_memory(job, picture));
  } catch (...) {
    result.failure = std::current_exception();
  }
  result.is_done = true;
  return result;
}

// The threads, which take pictures in turn and are at most a window ahead of the caller.
class Decoders {
 public:
  Decoders(Job& job, int threads, std::size_t window) : job_(job), results_(window) {
    threads_.reserve(static_cast<std::size_t>(threads));
    try {
      for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      if (threads_.empty()) {
        throw SystemError(Fault::unavailable, "pthread_create", "a thread that decodes pictures",
                          error.code().value());
      }
    } catch (const std::bad_alloc&) {  // those that began suffice
      if (threads_.empty()) throw;
    }
  }

  ~Decoders() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    has_room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Decoders(const Decoders&) = delete;
  Decoders& operator=(const Decoders&) = delete;

  // The next picture in the order of the listing, if it is done within the time.
  bool next(Result& result, std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    Result& place = results_[taken_ % results_.size()];
    if (!is_done_.wait_for(lock, time, [&] { return place.is_done; })) return false;
    result = std::exchange(place, {});
    ++taken_;
    lock.unlock();
    has_room_.notify_one();
    return true;
  }

 private:
  void work() {
    const std::vector<ListedPicture>& pictures = job_.listing.pictures;
    PixelMemory memory;
    std::unique_lock lock(mutex_);
    while (true) {
      has_room_.wait(lock, [&] {
        return is_ending_ || begun_ == pictures.size() || begun_ - taken_ < results_.size();
      });
      if (is_ending_ || begun_ == pictures.size()) return;
      const std::size_t picture = begun_++;
      lock.unlock();
      Result result = result_of(job_, pictures[picture], memory);
      lock.lock();
      results_[picture % results_.size()] = std::move(result);
      if (picture == taken_) is_done_.notify_one();
    }
  }

  Job& job_;
  std::mutex mutex_;
  std::condition_variable has_room_, is_done_;
  std::vector<Result> results_;
  std::size_t begun_ = 0, taken_ = 0;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;  // libc++ 19 has no std::jthread
};

std::size_t window_of(const Shape& shape, int threads, const DecodeLimits& limits) {
  constexpr std::uint64_t kMost = 4096;
  const auto fits = limits.image_bytes / static_cast<std::uint64_t>(shape.size());
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(fits, static_cast<std::uint64_t>(threads) + 1, kMost));
}

}  // namespace

PixelMemory kept_memory(PixelMemory memory) {
  if (memory.capacity() > kMostKeptBytes) return {};
  return memory;
}

Shape shape_of_pictures(const Listing& listing, const DataOptions& options) {
  Shape shape = options.input;
  if (shape.channels == 0) shape.channels = 3;
  if (shape.channels != 1 && shape.channels != 3) {
    throw UserError(
        Fault::bad_data, fmt::format("pictures cannot be an input of {}", to_string(shape)),
        "a picture has 1 channel (grey) or 3 (red, green, blue)", "give the input 1 or 3 channels");
  }
  if (shape.height > 0) return shape;
  shape.height = shape.width = 1;  // where no picture can be read
  for (const ListedPicture& picture : listing.pictures) {
    try {
      const std::string name = (listing.root / picture.path).string();
      const std::vector<std::uint8_t> bytes = read_listed_file(listing, picture, name);
      const Extent size = picture_size({bytes, name});
      return {size.height, size.width, shape.channels};
    } catch (const Error& error) {
      if (!is_of_picture(error)) throw;  // else decode_all() names the picture
    }
  }
  return shape;
}

DecodeResult decode_all(const Listing& listing, const Shape& shape, const DataOptions& options,
                        const std::function<void(Bytes)>& take, const DecodeLimits& limits) {
  const std::size_t total = listing.pictures.size();
  const int wanted = options.threads > 0 ? options.threads : usable_cores();
  const int threads =
      static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(wanted), total));
  Job job{listing,
          shape,
          options.resize,
          options.input.height == 0,
          Budget(limits.file_bytes),
          Budget(limits.picture_bytes)};
  DecodeResult all;
  PictureProgress progress(options, total);
  progress.at(0);
  Decoders decoders(job, threads, window_of(shape, threads, limits));
  for (std::size_t picture = 0; picture < total;) {
    Result result;
    const bool is_done = decoders.next(result, std::chrono::milliseconds(50));
    if (is_done) {
      if (result.failure) std::rethrow_exception(result.failure);
      if (result.image.pixels.empty()) {
        all.bad.push_back({picture, std::move(result.problem)});
      } else {
        take(result.image.pixels);
        all.lost_colour += result.image.lost_colour ? 1 : 0;
      }
      ++picture;
    }
    progress.at(picture);
  }
  return all;
}

}  // namespace convoy
