// SPDX-License-Identifier: Apache-2.0
#include "train/shared_data.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "parallel/collectives.hpp"

namespace convoy {
namespace {

// The message of a reader to the other ranks before they use its images: the fault and message of
// an error, or the folder and the sizes of the data.
struct Report {
  std::string fault;  // empty: no error
  std::string message;
  std::string name, folder;
  std::vector<Index> sizes;  // of train, of test: samples, height, width, channels, classes
  std::vector<std::string> train_classes, test_classes;
  std::string train_labels, test_labels;  // the files that hold the labels
  std::vector<std::string> notes;
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
                                        pack(report.train_classes),
                                        pack(report.test_classes),
                                        report.train_labels,
                                        report.test_labels,
                                        pack(report.notes)};
  return pack(fields);
}

Report decode(std::string_view text) {
  auto fields = unpack(text);
  fields.resize(10);
  return {fields[0],         fields[1],         fields[2], fields[3], numbers(unpack(fields[4])),
          unpack(fields[5]), unpack(fields[6]), fields[7], fields[8], unpack(fields[9])};
}

void append_sizes(const Dataset& data, std::vector<Index>& sizes) {
  const Shape image = data.image_shape();
  sizes.insert(sizes.end(),
               {data.size(), image.height, image.width, image.channels, data.classes()});
}

Report failed(Fault fault, std::string_view message) {
  Report report;
  report.fault = std::to_string(static_cast<int>(fault));
  report.message = message;
  return report;
}

Report read(std::string_view name_or_folder, TrainAndTest& data) {
  try {
    data = load_data(name_or_folder);
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
  append_sizes(data.train, report.sizes);
  append_sizes(data.test, report.sizes);
  report.train_classes = data.train.class_names();
  report.test_classes = data.test.class_names();
  report.train_labels = data.train.label_file().native();
  report.test_labels = data.test.label_file().native();
  report.notes = data.notes;
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

// The images of one part of the data in memory that the memory domain shares: the labels, then the
// pixels. Its first rank copies them there and frees its own copy.
class SharedPart {
 public:
  SharedPart(Communicator& communicator, std::span<const Index> sizes,
             std::vector<std::string> class_names, std::string label_file)
      : image_{sizes[1], sizes[2], sizes[3]},
        pixels_(sizes[0] * image_.size()),
        labels_(sizes[0]),
        label_bytes_(labels_ * static_cast<Index>(sizeof(Label))),
        classes_(sizes[4]),
        class_names_(std::move(class_names)),
        label_file_(std::move(label_file)),
        block_(allocate<std::uint8_t>(communicator, label_bytes_ + pixels_)) {}

  void fill(Dataset& data) {
    std::ranges::copy(data.labels(), labels());
    std::ranges::copy(data.pixels(), pixels());
    data = Dataset();
  }

  Dataset view() const {
    Dataset data(image_, {pixels(), static_cast<std::size_t>(pixels_)},
                 {labels(), static_cast<std::size_t>(labels_)}, classes_, block_);
    data.set_class_names(class_names_);
    data.set_label_file(label_file_);
    return data;
  }

 private:
  Label* labels() const { return reinterpret_cast<Label*>(block_.get()); }
  std::uint8_t* pixels() const { return block_.get() + label_bytes_; }

  Shape image_;
  Index pixels_, labels_, label_bytes_, classes_;
  std::vector<std::string> class_names_;
  std::string label_file_;
  std::shared_ptr<std::uint8_t[]> block_;
};

}  // namespace

TrainAndTest load_data(Communicator& communicator, std::string_view name_or_folder) {
  if (communicator.size() == 1) return load_data(name_or_folder);
  TrainAndTest data;
  const bool reads = leads_domain(communicator);
  const Report mine = reads ? read(name_or_folder, data) : Report();
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
  SharedPart train(communicator, sizes.first(5), found.train_classes, found.train_labels);
  if (reads) train.fill(data.train);
  SharedPart test(communicator, sizes.subspan(5), found.test_classes, found.test_labels);
  if (reads) test.fill(data.test);
  communicator.barrier(SyncPoint::start);
  return {found.name, found.folder, train.view(), test.view(), found.notes};
}

std::string shared_sha256(Communicator& communicator, const Dataset& data) {
  const std::string mine = leads_domain(communicator) ? data.sha256() : "";
  const auto all = all_gather(communicator, mine, SyncPoint::start);
  return all[static_cast<std::size_t>(domain_ranks(communicator).begin)];
}

}  // namespace convoy
