# Language level, warnings, linker, compiler cache and sanitizers: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# CHECK is always on; NDEBUG only silences the assertions of libraries.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

option(TORC_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
set(TORC_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers -Werror=switch
                    -fno-omit-frame-pointer)
if(TORC_SANITIZE)
  add_compile_options(-fsanitize=${TORC_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TORC_SANITIZE})
endif()
if(TORC_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage of everything a fuzzer may reach
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Two checkouts share what is equal; precompiled headers are known by the sum beside them (cmake/precompile.cmake).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_PCH_EXTSUM=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
find_program(LLD ld.lld)
if(LLD)
  add_link_options(-fuse-ld=lld)
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(RocksDB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
include(GoogleTest)
