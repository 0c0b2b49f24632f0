# torc_module(<folder> [TOGETHER] [DEPS <folder>...] [LIBS <target>...] [PROTOS <file>...] [TEST_DEPS <folder>...])
#
# One target per folder of src/. A folder is included as "<folder>/x.h" through an include root that holds nothing but a
# link to that folder, so a target sees exactly the folders it links: a wrong arrow does not build.
# TOGETHER: its sources are compiled several at a time (precompile.cmake); names without linkage are unique in the folder.
# Every <name>_test.cc beside the code goes into one test program, torc_<folder>_test.
function(torc_module folder)
  cmake_parse_arguments(ARG "TOGETHER" "" "DEPS;LIBS;PROTOS;TEST_DEPS" ${ARGN})
  set(source_dir ${PROJECT_SOURCE_DIR}/src/${folder})
  set(include_root ${PROJECT_BINARY_DIR}/include/${folder})
  file(MAKE_DIRECTORY ${include_root})
  file(CREATE_LINK ${source_dir} ${include_root}/${folder} SYMBOLIC)

  file(GLOB sources CONFIGURE_DEPENDS ${source_dir}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  if(ARG_PROTOS)
    set(generated_root ${PROJECT_BINARY_DIR}/generated/${folder})
    file(MAKE_DIRECTORY ${generated_root}/${folder})
    foreach(proto ${ARG_PROTOS})
      get_filename_component(stem ${proto} NAME_WE)
      set(out ${generated_root}/${folder}/${stem}.pb)
      add_custom_command(
        OUTPUT ${out}.cc ${out}.h
        COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}/src --cpp_out=${generated_root} ${source_dir}/${proto}
        DEPENDS ${source_dir}/${proto})
      set_source_files_properties(${out}.cc PROPERTIES COMPILE_OPTIONS "-w")
      list(APPEND sources ${out}.cc)
    endforeach()
  endif()

  list(TRANSFORM ARG_DEPS PREPEND torc_ OUTPUT_VARIABLE dep_targets)
  list(TRANSFORM ARG_TEST_DEPS PREPEND torc_ OUTPUT_VARIABLE test_targets)
  if(sources)
    add_library(torc_${folder} STATIC ${sources})
    target_include_directories(torc_${folder} PUBLIC ${include_root})
    target_link_libraries(torc_${folder} PUBLIC ${dep_targets} ${ARG_LIBS})
    torc_precompiled(torc_${folder})
    if(ARG_TOGETHER)
      torc_compiled_together(torc_${folder})
    endif()
    if(ARG_PROTOS)
      target_include_directories(torc_${folder} SYSTEM PRIVATE ${generated_root})
      target_link_libraries(torc_${folder} PUBLIC protobuf::libprotobuf-lite)
    endif()
  else()
    add_library(torc_${folder} INTERFACE)
    target_include_directories(torc_${folder} INTERFACE ${include_root})
    target_link_libraries(torc_${folder} INTERFACE ${dep_targets} ${ARG_LIBS})
  endif()

  if(tests)
    add_executable(torc_${folder}_test ${tests})
    target_link_libraries(torc_${folder}_test PRIVATE torc_${folder} ${test_targets} GTest::gtest_main)
    torc_test_program(torc_${folder}_test)
    gtest_discover_tests(torc_${folder}_test TEST_PREFIX "${folder}/" DISCOVERY_TIMEOUT 60)
  endif()
endfunction()

# Programs that the lane with sanitizers does not run: built there only when asked for by name.
function(torc_uninstrumented)
  if(TORC_SANITIZE)
    set_target_properties(${ARGV} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
endfunction()
