// SPDX-License-Identifier: Apache-2.0
// Which pictures a data set has, with their classes and parts: from folders that are named after
// the classes, or from a list in a file. No picture is opened.
//
// Class folders (list_class_folders). The layouts:
//
//   DIR/train/CLASS/*, and DIR/test/CLASS/*, and DIR/PART/CLASS/* with PART = val, valid or
//       validation; test and PART may be missing. DIR has this layout if DIR/train holds a folder.
//   DIR/train.csv, and DIR/test.csv, and DIR/PART.csv; or .tsv. See below.
//   DIR/CLASS/*
//
// The first of them that fits is read. In DIR/train/ and in DIR/CLASS/ no name is special, so
// "train" and "test" may be classes there. Without a test part there are no test pictures, unless
// split() takes some: the part val is for validation and never becomes a test. The rules:
//
//   classes      folders, sorted by the bytes of their names; 2 to kMostClasses, all in UTF-8. An
//                empty one is refused, and so is one of another part that train lacks. That another
//                part lacks a class of train is noted, and so are names that differ in case only.
//   pictures     regular files with the ending of a picture (is_picture_name()) in the folder of a
//                class and in the folders below it; the first bytes decide when they are decoded.
//                Other files are counted and noted, and so are files beside the class folders
//                and pipes, devices and so on that have the ending of a picture.
//   hidden       is what begins with ".", and __MACOSX, @eaDir, Thumbs.db, desktop.ini; not noted.
//   links        are followed. A link to a folder above itself is noted and left out, and so is
//                one to a folder that is already read in this class and part; one that leads
//                nowhere is refused if it has the name of a picture, and else counts as
//                another file.
//
// Lists (list_file), CSV or TSV in UTF-8, plain or gzip: one picture a line, "path,label" or
// "path,label,part". The rules:
//
//   separator    a tab if the first line has one, else a comma, else a semicolon
//   fields       as in RFC 4180: in quotes they may hold separators, line ends, and "" for a quote;
//                spaces around fields without quotes are left out. Lines end with LF or CR LF, and
//                blank ones are skipped. All others have the same number of fields.
//   header       optional. It names the columns: path, file, filename, file_name, filepath, image
//                or image_path; label, class or category; split or part. Other columns are ignored.
//   path         relative to the folder of the list, with "/" between folders; or absolute, if it
//                leads into that folder. ".." is refused, and so is a path that stands twice.
//   label        a name, sorted as class folders are. If all are whole numbers, they are the
//                classes, from 0 to kMostClasses - 1, and others are refused; their names are the
//                lines of class_names.txt in the list's folder, and the numbers themselves without
//                that file.
//   part         train or training, test or testing, val, valid or validation, in any case
//
// The files are any regular files. Those that do not exist are refused, up to 20 by name.
//
// All errors are UserError (usage, bad_data, not_found) with one message, or SystemError(io). All
// functions are thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "data/pictures/file_version.hpp"

namespace convoy {

enum class PicturePart : std::uint8_t { train, validation, test };

struct ListedPicture {
  std::string path;  // relative to root, with '/'
  Label label = 0;
  PicturePart part = PicturePart::train;
  FileVersion file = {};  // when it was listed
};

struct Listing {
  std::filesystem::path root;
  std::vector<std::string> classes;  // sorted as strings, or by number
  // Sorted by path_hash(path), then by path, so that a first part of them has all classes.
  std::vector<ListedPicture> pictures;
  bool has_test = false, has_validation = false;  // whether the layout itself states them
  std::vector<std::string> notes;                 // for the user, a sentence each
};

// More are refused: files and folders that are looked at, folders inside each other (below DIR),
// the bytes of a list, and the bytes of the name of a class.
inline constexpr std::size_t kMostListedFiles = std::size_t{1} << 24;
inline constexpr int kMostFolderDepth = 32;
inline constexpr std::uint64_t kMostListBytes = std::uint64_t{1} << 28;
inline constexpr std::size_t kLongestClassName = 256;

Listing list_class_folders(const std::filesystem::path& root);
Listing list_file(const std::filesystem::path& csv_or_tsv);

// Whether list_class_folders() would find pictures: a folder of `folder` holds one, at most two
// folders below it, or `folder` has a train.csv or train.tsv. Looks at 20,000 files at most.
bool holds_class_folders(const std::filesystem::path& folder);

// Whether `file` has the ending of a list: .csv or .tsv, in any case, also with .gz.
bool is_list_name(std::string_view file);

// Whether `file` has the ending of a picture, in any case: .png .jpg .jpeg .jpe .jfif .webp .pgm
// .ppm .pnm
bool is_picture_name(std::string_view file);

// Sets `part`. A picture is a test picture if u < test_fraction; of the others one is a validation
// picture if v < validation. Here u and v are the first and the second 8 bytes of SHA-256("SEED
// PATH"), as big-endian numbers without their last 11 bits, divided by 2^53. So neither another
// picture nor the order of a folder moves a picture into another part.
//
// Parts that the layout states stay as they are: with has_test a test_fraction other than 0 is
// refused, and with has_validation `validation` has no effect. Both are from 0 to below 1. Notes a
// test part that comes out empty and classes that no training picture is left of; throws
// UserError(bad_data) where no training picture is left at all, or `validation` chooses none.
void split(Listing& listing, double test_fraction, double validation, std::uint64_t seed);

}  // namespace convoy
