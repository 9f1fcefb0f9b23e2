// SPDX-License-Identifier: Apache-2.0
#include "train/shared_data.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/durable_file.hpp"
#include "data/pictures/mapped_file.hpp"
#include "parallel/collectives.hpp"

namespace convoy {
namespace {

// The message of a reader to the other ranks before they use its images: the fault and message of
// an error, or the folder and the sizes of the data.
struct Report {
  std::string fault;  // empty: no error
  std::string message;
  std::string name, folder;
  std::vector<Index> sizes;           // of train, of test: kSizes numbers (append_sizes())
  std::string train_file, test_file;  // MappedPlace::file of the images; empty: they are in memory
  std::vector<std::string> train_classes, test_classes;
  std::string train_labels, test_labels;  // the files that hold the labels
  std::vector<std::string> notes;
  std::vector<Index> validation;
  bool states_validation = false;
};

std::vector<std::string> texts(std::span<const Index> numbers) {
  std::vector<std::string> all;
  for (const Index number : numbers) all.push_back(std::to_string(number));
  return all;
}

std::vector<Index> numbers(std::span<const std::string> texts) {
  std::vector<Index> all;
  for (const std::string& text : texts) {
    std::from_chars(text.data(), text.data() + text.size(), all.emplace_back());
  }
  return all;
}

std::string encode(const Report& report) {
  const std::vector<std::string> fields{report.fault,
                                        report.message,
                                        report.name,
                                        report.folder,
                                        pack(texts(report.sizes)),
                                        report.train_file,
                                        report.test_file,
                                        pack(report.train_classes),
                                        pack(report.test_classes),
                                        report.train_labels,
                                        report.test_labels,
                                        pack(report.notes),
                                        pack(texts(report.validation)),
                                        report.states_validation ? "yes" : ""};
  return pack(fields);
}

Report decode(std::string_view text) {
  auto fields = unpack(text);
  fields.resize(14);
  return {fields[0],
          fields[1],
          fields[2],
          fields[3],
          numbers(unpack(fields[4])),
          fields[5],
          fields[6],
          unpack(fields[7]),
          unpack(fields[8]),
          fields[9],
          fields[10],
          unpack(fields[11]),
          numbers(unpack(fields[12])),
          !fields[13].empty()};
}

// What SharedPart needs to know of one part of the data: its numbers, and `file` where its images
// are in a file.
constexpr std::size_t kSizes = 9;
void append_sizes(const Dataset& data, std::vector<Index>& sizes, std::string& file) {
  const Shape image = data.image_shape();
  const Source& source = data.source();
  Index bytes = 0, offset = 0;  // of the mapping; of the images in it
  if (const auto place = mapped_place(source.owner)) {
    file = place->file.native();
    bytes = static_cast<Index>(place->bytes);
    offset = static_cast<Index>(static_cast<const std::uint8_t*>(source.data) -
                                static_cast<const std::uint8_t*>(source.owner.get()));
  }
  sizes.insert(sizes.end(), {data.size(), image.height, image.width, image.channels, data.classes(),
                             static_cast<Index>(data.pixel_type()), source.images, bytes, offset});
}

Report failed(Fault fault, std::string_view message) {
  Report report;
  report.fault = std::to_string(static_cast<int>(fault));
  report.message = message;
  return report;
}

Report read(std::string_view name_or_folder, const DataOptions& options, TrainAndTest& data) {
  try {
    data = load_data(name_or_folder, options);
  } catch (const Error& error) {
    return failed(error.fault(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return failed(Fault::io, error.what());
  } catch (const std::exception& error) {  // out of memory
    return failed(Fault::unavailable, fmt::format("{} can't be read ({}): free some memory",
                                                  name_or_folder, error.what()));
  }
  Report report;
  report.name = data.name;
  report.folder = data.folder.native();
  append_sizes(data.train, report.sizes, report.train_file);
  append_sizes(data.test, report.sizes, report.test_file);
  report.train_classes = data.train.class_names();
  report.test_classes = data.test.class_names();
  report.train_labels = data.train.label_file().native();
  report.test_labels = data.test.label_file().native();
  report.notes = data.notes;
  report.validation.assign(data.validation.begin(), data.validation.end());
  report.states_validation = data.states_validation;
  return report;
}

// "rank 2 of 6, which reads for ranks 2 to 4,", "ranks 0 and 2 of 3".
std::string in_words(std::span<const Range> domains, int ranks) {
  const Range first = domains.front();
  if (domains.size() == 1) {
    return first.size() == 1 ? fmt::format("rank {} of {}", first.begin, ranks)
                             : fmt::format("rank {} of {}, which reads for ranks {} to {},",
                                           first.begin, ranks, first.begin, first.end - 1);
  }
  std::vector<Index> readers;
  for (const Range& domain : domains.first(domains.size() - 1)) readers.push_back(domain.begin);
  return fmt::format("ranks {} and {} of {}", fmt::join(readers, ", "), domains.back().begin,
                     ranks);
}

// `reports` has one entry for each memory domain.
void throw_where_failed(const Communicator& communicator, std::span<const Report> reports) {
  const auto bad = std::ranges::find_if(reports, [](const Report& r) { return !r.fault.empty(); });
  if (bad == reports.end()) return;
  const auto fault = static_cast<Fault>(numbers({&bad->fault, 1})[0]);
  if (std::ranges::all_of(reports, [&](const Report& r) { return r.message == bad->message; })) {
    throw SharedError(fault, bad->message);
  }
  std::vector<Range> readers;
  for (std::size_t domain = 0; domain < reports.size(); ++domain) {
    if (!reports[domain].fault.empty()) readers.push_back(communicator.domains()[domain]);
  }
  throw SharedError(fault, fmt::format("{} cannot read data that other ranks can read: {}",
                                       in_words(readers, communicator.size()), bad->message));
}

// The samples of one part of the data in memory that the memory domain shares: the labels, then the
// pixels of one sample after the other. Its first rank copies them there and frees its own copy.
// Where the images are in a file that the first rank has mapped, all ranks map it, and the block
// has the place of each sample's image in the file.
class SharedPart {
 public:
  SharedPart(Communicator& communicator, std::span<const Index> sizes, std::string file,
             std::vector<std::string> class_names, std::string label_file)
      : samples_(sizes[0]),
        source_{static_cast<PixelType>(sizes[5]), {sizes[1], sizes[2], sizes[3]}, sizes[6]},
        file_(std::move(file)),
        mapped_bytes_(sizes[7]),
        offset_(sizes[8]),
        each_(static_cast<Index>(is_mapped() ? sizeof(std::uint32_t) : bytes_of_image())),
        label_bytes_(whole_lines(samples_ * static_cast<Index>(sizeof(Label)))),
        classes_(sizes[4]),
        class_names_(std::move(class_names)),
        label_file_(std::move(label_file)),
        block_(allocate<std::uint8_t>(communicator, label_bytes_ + samples_ * each_)) {}

  bool is_mapped() const { return !file_.empty(); }

  void fill(Dataset& data) {
    std::ranges::copy(data.labels(), labels());
    std::uint8_t* out = block_.get() + label_bytes_;
    for (Index sample = 0; sample < samples_; ++sample, out += each_) {
      const auto image = static_cast<std::uint32_t>(
          data.samples().empty() ? sample : data.samples()[static_cast<std::size_t>(sample)]);
      const auto* pixels = static_cast<const std::uint8_t*>(data.source().data);
      std::memcpy(out,
                  is_mapped() ? static_cast<const void*>(&image)
                              : pixels + std::size_t{image} * bytes_of_image(),
                  static_cast<std::size_t>(each_));
    }
    if (!is_mapped()) data = Dataset();
  }

  // The part as a rank of the domain has it. Where it is mapped, the first rank still holds its
  // own.
  Dataset view() const {
    if (samples_ == 0) return {};
    Dataset data = is_mapped() ? in_file() : in_memory();
    data.set_class_names(class_names_);
    data.set_label_file(label_file_);
    return data;
  }

 private:
  static Index whole_lines(Index bytes) {
    constexpr auto kLine = static_cast<Index>(kAlignment);
    return (bytes + kLine - 1) / kLine * kLine;
  }
  std::size_t bytes_of_image() const {
    return static_cast<std::size_t>(source_.image.size()) *
           (source_.type == PixelType::u8 ? 1 : sizeof(float));
  }
  Label* labels() const { return reinterpret_cast<Label*>(block_.get()); }
  std::span<const Label> all_labels() const {
    return {labels(), static_cast<std::size_t>(samples_)};
  }

  Dataset in_memory() const {
    Source source = source_;
    source.images = samples_;
    source.data = block_.get() + label_bytes_;
    source.owner = block_;
    return Dataset(source, all_labels(), classes_, block_);
  }

  Dataset in_file() const {
    const InputFile input = open_input(file_, "file of decoded pictures");
    const auto bytes = static_cast<std::size_t>(mapped_bytes_);
    const auto start = map_file(input.descriptor, bytes, file_);
    Source source = source_;
    source.data = start.get() + offset_;
    source.owner = start;
    std::vector<std::uint32_t> images(static_cast<std::size_t>(samples_));
    std::memcpy(images.data(), block_.get() + label_bytes_, images.size() * sizeof(images[0]));
    const std::span<const Label> labels = all_labels();
    return Dataset(source, std::move(images), {labels.begin(), labels.end()}, classes_);
  }

  Index samples_;
  Source source_;
  std::string file_;
  Index mapped_bytes_, offset_;
  Index each_, label_bytes_, classes_;  // each_: bytes of a sample behind the labels
  std::vector<std::string> class_names_;
  std::string label_file_;
  std::shared_ptr<std::uint8_t[]> block_;
};

// The options, with a progress that tells the other ranks that this one is alive.
DataOptions with_heartbeat(const DataOptions& options, Communicator& communicator) {
  DataOptions beating = options;
  beating.progress = [&](const LoadProgress& progress) {
    communicator.heartbeat();
    if (options.progress) options.progress(progress);
  };
  return beating;
}

}  // namespace

TrainAndTest load_data(Communicator& communicator, std::string_view name_or_folder,
                       const DataOptions& options) {
  if (communicator.size() == 1) return load_data(name_or_folder, options);
  TrainAndTest data;
  const bool reads = leads_domain(communicator);
  const Report mine =
      reads ? read(name_or_folder, with_heartbeat(options, communicator), data) : Report();
  communicator.heartbeat();
  const auto told = all_gather(communicator, reads ? encode(mine) : "", SyncPoint::start);
  std::vector<Report> reports;
  for (const Range& ranks : communicator.domains()) {
    reports.push_back(decode(told[static_cast<std::size_t>(ranks.begin)]));
  }
  throw_where_failed(communicator, reports);
  if (domain_ranks(communicator).size() == 1) return data;  // no rank to share with

  const Report& found = reports[static_cast<std::size_t>(domain_index(communicator))];
  const std::span<const Index> sizes = found.sizes;
  SharedPart train(communicator, sizes.first(kSizes), found.train_file, found.train_classes,
                   found.train_labels);
  if (reads) train.fill(data.train);
  SharedPart test(communicator, sizes.subspan(kSizes), found.test_file, found.test_classes,
                  found.test_labels);
  if (reads) test.fill(data.test);
  communicator.barrier(SyncPoint::start);
  TrainAndTest shared{found.name,
                      found.folder,
                      train.view(),
                      test.view(),
                      found.notes,
                      {found.validation.begin(), found.validation.end()},
                      found.states_validation};
  // The reader holds its mapping until all others have theirs.
  if (train.is_mapped() || test.is_mapped()) communicator.barrier(SyncPoint::start);
  return shared;
}

std::string shared_sha256(Communicator& communicator, const Dataset& data) {
  const std::string mine = leads_domain(communicator) ? data.sha256() : "";
  const auto all = all_gather(communicator, mine, SyncPoint::start);
  return all[static_cast<std::size_t>(domain_ranks(communicator).begin)];
}

}  // namespace convoy
