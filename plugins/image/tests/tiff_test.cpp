// Which of libtiff's messages are a want of memory, and which a file's fault.
#include "catch.h"
#include "tiff_session.h"

TEST_CASE("libtiff's want of memory is told from a file that claims too much") {
  for (const char *shortage :
       {"Failed to allocate memory for to read TIFF directory (11 elements of 32 bytes each)",
        "Failed to allocate memory for for \"StripOffsets\" array (3 elements of 8 bytes each)",
        "No space for LZW state block", "No space to expand strip arrays", "Out of memory (TIFF structure)",
        "Cannot allocate strip offset and bytecount arrays", "Failed to allocate fields array"}) {
    CAPTURE(shortage);
    CHECK(image::tells_shortage(shortage));
  }
  for (const char *fault :
       {"Failed to allocate memory for TileOffsets (4611686018427387904 elements of 8 bytes each)",
        "Failed to allocate memory for to read TIFF directory (0 elements of 12 bytes each)",
        "Failed to allocate memory for TileOffsets (-1 elements of 8 bytes each)",
        "Failed to allocate memory for TileOffsets (268435457 elements of 8 bytes each)",
        "Memory allocation of 4294967296 bytes is beyond the 2147483648 byte limit defined in open options",
        "Cannot read TIFF directory", ""}) {
    CAPTURE(fault);
    CHECK_FALSE(image::tells_shortage(fault));
  }
}
