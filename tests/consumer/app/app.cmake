# The program that every consumer builds, whichever way the library came.
add_executable(app ${CMAKE_CURRENT_LIST_DIR}/main.cpp ${CMAKE_CURRENT_LIST_DIR}/images.cpp)
target_link_libraries(app PRIVATE frcnn::frcnn frcnn::data frcnn::io frcnn::eval frcnn::viz)
if(TARGET frcnn::coco)
  target_link_libraries(app PRIVATE frcnn::coco)
  target_compile_definitions(app PRIVATE APP_HAS_COCO)
endif()
if(TARGET frcnn::compress)  # Conan's OpenBLAS has no LAPACK unless asked
  target_link_libraries(app PRIVATE frcnn::compress)
  target_compile_definitions(app PRIVATE APP_HAS_LAPACK)
endif()
