#include "kv/position.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>

namespace torc::kv {
namespace {

constexpr uint16_t kPolynomial = 0x1021;
constexpr size_t kStride = 8;

/// tables[k][b]: CRC16 of byte b followed by k zero bytes ("slicing by 8").
constexpr std::array<std::array<uint16_t, 256>, kStride> make_tables() {
  std::array<std::array<uint16_t, 256>, kStride> tables{};
  for (unsigned b = 0; b < 256; ++b) {
    uint16_t crc = static_cast<uint16_t>(b << 8);
    for (int bit = 0; bit < 8; ++bit) crc = static_cast<uint16_t>((crc << 1) ^ ((crc & 0x8000) != 0 ? kPolynomial : 0));
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < kStride; ++k) {
    for (unsigned b = 0; b < 256; ++b) {
      const uint16_t before = tables[k - 1][b];
      tables[k][b] = static_cast<uint16_t>((before << 8) ^ tables[0][before >> 8]);
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

uint16_t crc16(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  uint16_t crc = 0;
  for (; left >= kStride; left -= kStride, p += kStride) {
    crc = kTables[7][p[0] ^ (crc >> 8)] ^ kTables[6][p[1] ^ (crc & 0xff)] ^ kTables[5][p[2]] ^ kTables[4][p[3]] ^
          kTables[3][p[4]] ^ kTables[2][p[5]] ^ kTables[1][p[6]] ^ kTables[0][p[7]];
  }
  for (; left > 0; --left, ++p) crc = static_cast<uint16_t>((crc << 8) ^ kTables[0][(crc >> 8) ^ *p]);
  return crc;
}

}  // namespace

uint16_t slot_of(std::string_view key) {
  const size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) & (kSlotCount - 1);
}

uint64_t low_position_of(std::string_view key) {
  constexpr uint64_t kLowBits = (uint64_t{1} << kLowPositionBits) - 1;
  return XXH3_64bits(key.data(), key.size()) & kLowBits;
}

uint64_t position_of(std::string_view key) { return uint64_t{slot_of(key)} << kLowPositionBits | low_position_of(key); }

}  // namespace torc::kv
