# Precompiled headers: the standard library (and GoogleTest) is two thirds of what compiling a file here costs, so it is
# parsed once. Only headers of the toolchain and of GoogleTest stand in it, never ours: include roots still say which
# folder sees which. Off in lanes with sanitizers, where a missing include therefore still shows.
option(TORC_PRECOMPILE "Parse the standard library once" ON)
set(precompiled_std <algorithm> <array> <chrono> <cstdint> <cstring> <deque> <functional> <map> <memory> <optional>
    <ostream> <set> <span> <sstream> <string> <string_view> <utility> <variant> <vector>)
set(precompiled_test ${precompiled_std} <gtest/gtest.h> <gmock/gmock.h>)

# Test programs are read by a person more often than they are waited for: less optimised than what they test.
add_library(torc_test_flags INTERFACE)
target_compile_options(torc_test_flags INTERFACE $<$<CONFIG:Release>:-O1>)
target_link_libraries(torc_test_flags INTERFACE GTest::gtest GTest::gmock)

if(TORC_PRECOMPILE)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompile.cc CONTENT "// Carries the precompiled headers.\n")
  foreach(kind std test)
    add_library(torc_precompiled_${kind} OBJECT ${CMAKE_BINARY_DIR}/precompile.cc)
    target_precompile_headers(torc_precompiled_${kind} PRIVATE ${precompiled_${kind}})
    # ccache takes this line for the header's content, which g++ writes anew in other bytes each time.
    string(SHA256 sum "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${GTest_VERSION} ${precompiled_${kind}}")
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/CMakeFiles/torc_precompiled_${kind}.dir/cmake_pch.hxx.gch.sum CONTENT ${sum})
  endforeach()
  target_link_libraries(torc_precompiled_test PRIVATE torc_test_flags)
endif()

function(torc_precompiled target)
  if(TORC_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM torc_precompiled_std)
  endif()
endfunction()

# Several files of a folder are one for the compiler, which reads the headers they share once: where these are large a
# clean build takes half as long. Off where precompiled headers are off, for the same reason.
function(torc_compiled_together target)
  if(TORC_PRECOMPILE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  endif()
endfunction()

# A program of tests; link gtest_main beside it unless it has a main() of its own.
function(torc_test_program target)
  target_link_libraries(${target} PRIVATE torc_test_flags)
  if(TORC_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM torc_precompiled_test)
  endif()
endfunction()

# Files whose time is compile time (option parsers, made of templates): run once per process.
function(torc_cold)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O0> SKIP_PRECOMPILE_HEADERS ON)
endfunction()
